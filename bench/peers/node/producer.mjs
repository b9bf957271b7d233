// Sends no-ops to the primary, so that PEER_NO_OPS are under way. What has ended is the size of the file `ended`.
import { statSync } from 'node:fs'

const most = Number(process.env.PEER_NO_OPS)
const file = `${process.env.PEER_FOLDER}/ended`
let sent = 0

function fill() {
  const ended = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  for (; sent - ended < most; sent++) process.send({ id: String(sent), preset: 'no-op' })
  setTimeout(fill, 1)
}

process.on('disconnect', () => process.exit())
fill()
