"""Messages as Go prints them: the first of each was seen in the refusal of a real containerd, 2.3 and 2.1."""

import pytest

from kubesim.cri import api
from kubesim.runtime.go_message_text import gogo_text, protobuf_text

IMAGE = api.ImageSpec(image="sha256:ab", user_specified_image="data:1")
MOUNT = api.Mount(container_path="/vol", host_path="/tmp", image=IMAGE)
FULL = api.Mount(
    container_path='/a "b"\n\u00fc',
    readonly=True,
    propagation=api.PROPAGATION_BIDIRECTIONAL,
    uidMappings=[api.IDMapping(host_id=7, length=1), api.IDMapping(container_id=1)],
    image=api.ImageSpec(annotations={"b": "2", "a": "1"}),
    mount_options=["x", "y"],
)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            MOUNT,
            'container_path:"/vol" host_path:"/tmp" image:{image:"sha256:ab" user_specified_image:"data:1"}',
        ),
        (
            FULL,
            (
                'container_path:"/a \\"b\\"\\n\u00fc" readonly:true propagation:PROPAGATION_BIDIRECTIONAL '
                "uidMappings:{host_id:7 length:1} uidMappings:{container_id:1} "
                'image:{annotations:{key:"a" value:"1"} annotations:{key:"b" value:"2"}} '
                'mount_options:"x" mount_options:"y"'
            ),
        ),
        (api.Mount(propagation=9), "propagation:9"),
        (api.ImageSpec(), ""),
    ],
)
def test_google(message, text):
    assert protobuf_text(message) == text


OLD = ("Mount.image_sub_path", "Mount.mount_options", "ImageSpec.image_ref")
REST = "SelinuxRelabel:false,Propagation:PROPAGATION_PRIVATE,UidMappings:[]*IDMapping{},GidMappings:[]*IDMapping{},"


@pytest.mark.parametrize(
    ("message", "without", "text"),
    [
        (
            MOUNT,
            OLD,
            (
                f"&Mount{{ContainerPath:/vol,HostPath:/tmp,Readonly:false,{REST}RecursiveReadOnly:false,"
                "Image:&ImageSpec{Image:sha256:ab,Annotations:map[string]string{},UserSpecifiedImage:data:1,"
                "RuntimeHandler:,},}"
            ),
        ),
        (
            FULL,
            (),
            (
                '&Mount{ContainerPath:/a "b"\n\u00fc,HostPath:,Readonly:true,SelinuxRelabel:false,'
                "Propagation:PROPAGATION_BIDIRECTIONAL,UidMappings:[]*IDMapping{&IDMapping{HostId:7,ContainerId:0,Length:1,},"
                "&IDMapping{HostId:0,ContainerId:1,Length:0,},},GidMappings:[]*IDMapping{},RecursiveReadOnly:false,"
                "Image:&ImageSpec{Image:,Annotations:map[string]string{a: 1,b: 2,},UserSpecifiedImage:,RuntimeHandler:,"
                "ImageRef:,},ImageSubPath:,MountOptions:[x y],}"
            ),
        ),
        (
            api.Mount(propagation=9),
            OLD,
            (
                "&Mount{ContainerPath:,HostPath:,Readonly:false,SelinuxRelabel:false,Propagation:9,"
                "UidMappings:[]*IDMapping{},GidMappings:[]*IDMapping{},RecursiveReadOnly:false,Image:nil,}"
            ),
        ),
    ],
)
def test_gogo(message, without, text):
    assert gogo_text(message, without=without) == text
