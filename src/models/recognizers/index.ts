/** Recognizers with their weights, by name. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { verify } from '../../weights/checksum.ts'
import { readTfjsManifest } from '../../weights/tfjs-manifest.ts'
import { type DlibRecognizer, dlib, foldDlib } from './dlib.ts'
import type { Recognizer } from './recognizer.ts'

interface Recognizers {
  dlib: DlibRecognizer
}
export type RecognizerName = keyof Recognizers

const loaders: { [Name in RecognizerName]: () => Promise<Recognizers[Name]> } = {
  dlib: async () => {
    const folder = join(packageFolder('@vladmandic/face-api'), 'model')
    await verify(
      join(folder, 'face_recognition_model.bin'),
      'b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589',
    )
    return dlib(foldDlib(await readTfjsManifest(join(folder, 'face_recognition_model-weights_manifest.json'))))
  },
}

export const recognizerNames = Object.keys(loaders) as RecognizerName[]

const loaded = new Map<RecognizerName, Promise<Recognizer>>()

/**
 * Loads a recognizer; its weights are read once a process.
 * @throws UserError when its weights are absent or not the ones that were meant
 */
export function loadRecognizer<Name extends RecognizerName>(name: Name): Promise<Recognizers[Name]> {
  const recognizer = loaded.get(name) ?? loaders[name]()
  loaded.set(name, recognizer)
  return recognizer as Promise<Recognizers[Name]>
}

function packageFolder(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
}
