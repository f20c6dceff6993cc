// A client of a streaming server by the SPDY/3.1 of spdy-transport: reads what to do from stdin as JSON, prints what
// came of it as JSON. Bytes are base64.
//
//   {"url": U, "protocols": [P...], "streams": ["stdin", "stdout", ...], "stdin": B, "resize": [{"Width": 80, ...}]}
//     -> {"protocol": P, "stdout": B, "stderr": B, "error": B}
//   {"url": U, "connections": [{"port": N, "send": B}...]}
//     -> {"protocol": P, "connections": [{"data": B, "error": B}...]}
'use strict'

const http = require('http')
const { Duplex } = require('stream')
const transport = require('spdy-transport')

// Kubernetes never widens a window: its streams have no flow control.
const WINDOW_BYTES = 0x7fffffff

// The library drops what it has not looked at yet when its socket closes, so it gets one that stays open until then.
function patient (socket) {
  const duplex = new Duplex({
    autoDestroy: false,
    read () { socket.resume() },
    write (data, _, callback) { socket.write(data, callback) },
    final (callback) { socket.end(callback) }
  })
  socket.on('data', (data) => { if (!duplex.push(data)) socket.pause() })
  socket.on('end', () => duplex.push(null))
  socket.on('error', (error) => duplex.emit('error', error))
  return duplex
}

function upgrade (url, protocols) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: 'POST',
      headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocols }
    })
    request.on('error', reject)
    request.on('response', (response) => {
      const body = []
      response.on('data', (data) => body.push(data))
      response.on('end', () => reject(new Error(`${response.statusCode} ${Buffer.concat(body)}`)))
    })
    request.on('upgrade', (response, socket, head) => {
      if (head.length) socket.unshift(head)
      const duplex = patient(socket)
      const connection = transport.connection.create(duplex, {
        protocol: 'spdy',
        isServer: false,
        headerCompression: true,
        windowSize: 1 << 30
      })
      connection.on('error', reject)
      connection._spdyState.parser.on('finish', () => setImmediate(() => duplex.emit('close')))
      connection.start(3.1)
      connection._spdyState.window.send.update(WINDOW_BYTES - connection._spdyState.window.send.current)
      connection._spdyState.streamWindow.send.setMax(WINDOW_BYTES)
      resolve({ connection, protocol: response.headers['x-stream-protocol-version'] })
    })
    request.end()
  })
}

function open (connection, headers) {
  return new Promise((resolve, reject) => {
    const stream = connection.request({ method: 'POST', path: '/', headers }, (error) => {
      error ? reject(error) : resolve(stream)
    })
    // A stream of Kubernetes is no HTTP request: its reply has no status.
    stream._spdyState.needResponse = false
  })
}

function readAll (stream) {
  return new Promise((resolve, reject) => {
    const chunks = []
    const finish = () => resolve(Buffer.concat(chunks).toString('base64'))
    stream.on('data', (data) => chunks.push(data))
    stream.on('end', finish)
    stream.on('close', finish)
    stream.on('error', reject)
  })
}

const bytes = (text) => Buffer.from(text || '', 'base64')

async function command (wanted) {
  const { connection, protocol } = await upgrade(wanted.url, wanted.protocols)
  const streams = {}
  const read = {}
  for (const type of ['error', ...wanted.streams]) {
    streams[type] = await open(connection, { streamtype: type })
    if (type !== 'stdin' && type !== 'resize') read[type] = readAll(streams[type])
  }
  streams.error.end()
  for (const size of wanted.resize || []) {
    await new Promise((resolve) => streams.resize.write(JSON.stringify(size), resolve))
  }
  if (streams.stdin) streams.stdin.end(bytes(wanted.stdin))
  const answer = { protocol }
  for (const type of Object.keys(read)) answer[type] = await read[type]
  return answer
}

async function forward (wanted) {
  const { connection, protocol } = await upgrade(wanted.url, ['portforward.k8s.io'])
  const connections = await Promise.all(wanted.connections.map(async (one, requestid) => {
    const error = await open(connection, { streamtype: 'error', port: one.port, requestid })
    const failure = readAll(error)
    error.end()
    const stream = await open(connection, { streamtype: 'data', port: one.port, requestid })
    const data = readAll(stream)
    stream.end(bytes(one.send))
    return { data: await data, error: await failure }
  }))
  return { protocol, connections }
}

async function main () {
  let text = ''
  for await (const chunk of process.stdin) text += chunk
  const wanted = JSON.parse(text)
  const answer = wanted.connections ? await forward(wanted) : await command(wanted)
  process.stdout.write(JSON.stringify(answer), () => process.exit(0))
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`, () => process.exit(1))
})
