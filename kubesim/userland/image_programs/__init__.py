"""Programs of well-known images, one file each: `async def run(process) -> int`."""
