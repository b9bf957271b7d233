// A web worker: Express and Multer, which writes the file to the disk. The job goes to the primary, then the 202.
import express from 'express'
import multer from 'multer'
import { randomUUID } from 'node:crypto'

const upload = multer({ storage: multer.diskStorage({
  destination: `${process.env.PEER_FOLDER}/uploads`,
  filename: (request, file, done) => done(null, randomUUID()),
}) })
const app = express()
app.get('/health/live', (request, response) => { response.json({ status: 'ok' }) })
app.post('/upload', upload.single('image'), (request, response) => {
  process.send({ id: request.file.filename, preset: request.body.preset })
  response.status(202).json({ id: request.file.filename })
})
app.listen(Number(process.env.PEER_PORT), '127.0.0.1')
process.on('disconnect', () => process.exit())
