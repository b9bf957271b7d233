// sharp, for bench/images.py: one JSON request a line, one answer a line. Serial, one thread, no cache.
// A request: {input, outputs: [{path, width, height, fit, blur, format}]}; the answer: {cpu_ms}.
import { createInterface } from 'node:readline'
import { writeFile } from 'node:fs/promises'
import sharp from 'sharp'

sharp.concurrency(1)
sharp.cache(false)

function derived(source, asked) {
  let image = source.resize(asked.width ?? null, asked.height ?? null, { fit: asked.fit ?? 'inside', withoutEnlargement: true })
  if (asked.blur) image = image.blur(asked.blur)
  return asked.format === 'png' ? image.png() : image.toFormat(asked.format, { quality: 80 })
}

async function work({ input, outputs }) {
  const before = process.cpuUsage()
  const source = sharp(input)
  const many = outputs.length > 1
  const made = await Promise.all(outputs.map((asked) => derived(many ? source.clone() : source, asked).toBuffer()))
  const used = process.cpuUsage(before)
  await Promise.all(made.map((data, index) => writeFile(outputs[index].path, data)))
  return { cpu_ms: (used.user + used.system) / 1000 }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await work(JSON.parse(line))))
}
