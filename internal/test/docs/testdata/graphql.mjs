// What graphql-ws does with the server of docs/protocols.md.
import { createClient } from "graphql-ws"

const url = "ws://localhost:3100/graphql", query = "…", connectionParams = { name: "ann" }
const greeting = { operationName: "Greeting", query }
const countdown = from => ({ operationName: "Countdown", query, variables: { from } })

// Operations side by side, on one connection.
let connections = 0, pongs = 0
const client = createClient({
  url, connectionParams, keepAlive: 20, lazyCloseTimeout: 2000,
  on: { connected: () => connections++, pong: received => { if (received) pongs++ } },
})
const order = []
await Promise.all([0, 1].map(async i => {
  for await (const _ of client.iterate(countdown(20))) order.push(i)
}))
const interleaved = order.indexOf(0) < order.lastIndexOf(1) && order.indexOf(1) < order.lastIndexOf(0)
console.log("side by side:", interleaved && order.length === 42)

// The client ends one, and the connection goes on.
const endless = client.iterate(countdown(1_000_000))
await endless.next()
await endless.return()
console.log("cancelled")
for await (const { data } of client.iterate(greeting)) console.log(data.greeting)
console.log(`connections: ${connections}, answers to pings: ${pongs > 0}`)
client.dispose()

// Each of these breaks a rule, by what it sends when the connection is open or acknowledged.
const send = message => socket => socket.send(message)
const subscribe = JSON.stringify({ type: "subscribe", id: "1", payload: greeting })
const init = JSON.stringify({ type: "connection_init", payload: connectionParams })
const never = new Promise(() => {})
const offences = {
  forbidden: { connectionParams: {} },
  late: { connectionParams: () => never },
  malformed: { on: { connected: send("hello") } },
  early: { on: { opened: send(subscribe) } },
  twice: { on: { connected: send(init) } },
  duplicate: { generateID: () => "same" },
}
const ends = await Promise.all(Object.entries(offences).map(async ([name, options]) => {
  const client = createClient({ url, connectionParams, retryAttempts: 0, ...options })
  const runs = [countdown(1_000_000), countdown(1_000_000)].map(async operation => {
    for await (const _ of client.iterate(operation)) { /* until the end */ }
  })
  const [{ reason }] = await Promise.allSettled(runs)
  return `${name}: ${reason.code} ${reason.reason}`
}))
console.log(ends.join("\n"))

// The server restarts: what was subscribed to is subscribed to again.
const patient = createClient({
  url, connectionParams, retryAttempts: 1000, shouldRetry: () => true,
  retryWait: () => new Promise(resolve => setTimeout(resolve, 20)),
})
let closed
patient.on("closed", ({ code }) => { closed ??= code })
let begun = 0
for await (const { data } of patient.iterate(countdown(1_000_000))) {
  if (data.countdown !== 1_000_000) continue
  if (++begun === 2) break
  process.kill(SERVER, "SIGTERM")
}
console.log("restarted:", closed)
console.log("begun again")
patient.dispose()
