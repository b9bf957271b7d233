// The Node architecture of bench/beside: a cluster of web workers, this primary, which routes, and forked image
// workers that stay. A job is in memory alone. The job of a worker that died goes to the next one.
// PEER_WEBS and PEER_WORKERS: how many. PEER_NO_OPS: a producer of so many no-ops under way, in place of the web.
import cluster from 'node:cluster'
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const waiting = []
const idle = []

function route() {
  while (waiting.length && idle.length) {
    const worker = idle.shift()
    worker.job = waiting.shift()
    worker.send(worker.job)
  }
}

function hire() {
  const worker = fork(path('./worker.mjs'))
  worker.on('message', () => { // ready, or done
    worker.job = undefined
    idle.push(worker)
    route()
  })
  worker.on('exit', () => {
    const at = idle.indexOf(worker)
    if (at >= 0) idle.splice(at, 1)
    if (worker.job) waiting.unshift(worker.job)
    hire()
  })
}

cluster.setupPrimary({ exec: path(process.env.PEER_NO_OPS ? './producer.mjs' : './web.mjs') })
cluster.on('message', (_, job) => { waiting.push(job); route() })
cluster.on('exit', () => cluster.fork())
for (let n = 0; n < Number(process.env.PEER_WORKERS); n++) hire()
for (let n = 0; n < Number(process.env.PEER_NO_OPS ? 1 : process.env.PEER_WEBS); n++) cluster.fork()
