// An image worker: sharp, one job at a time, one input for all renditions of a job. Results appear by a rename.
import { appendFileSync, readFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import sharp from 'sharp'

const folder = process.env.PEER_FOLDER
const presets = JSON.parse(readFileSync(process.env.PEER_PRESETS))

function derived(source, asked) {
  let image = source.resize(asked.width ?? null, asked.height ?? null, { fit: asked.fit ?? 'inside', withoutEnlargement: true })
  if (asked.blur) image = image.blur(asked.blur)
  return image.toFormat(asked.format, { quality: 80 })
}

async function make(source, id, asked) {
  const name = `${id}.${asked.name}.${asked.format}`
  await derived(source, asked).toFile(`${folder}/results/.${name}`)
  await rename(`${folder}/results/.${name}`, `${folder}/results/${name}`)
}

process.on('message', async ({ id, preset }) => {
  if (preset === 'no-op') {
    appendFileSync(`${folder}/ended`, '.')
  } else {
    appendFileSync(`${folder}/starts`, `${id} ${Date.now() / 1000} ${process.pid}\n`)
    const wanted = presets[preset]
    const source = sharp(`${folder}/uploads/${id}`)
    await Promise.all(wanted.map((asked) => make(wanted.length > 1 ? source.clone() : source, id, asked)))
  }
  process.send('done')
})
process.on('disconnect', () => process.exit())
process.send('ready')
