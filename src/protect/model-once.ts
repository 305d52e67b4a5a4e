import { type FaceModel, loadModel } from './model.ts'

const models = new Map<string, Promise<FaceModel>>()

/** A model whose weights are read once a process: for workers, which do many jobs. @throws UserError as `loadModel` */
export function loadModelOnce(name: string): Promise<FaceModel> {
  const model = models.get(name) ?? loadModel(name)
  models.set(name, model)
  return model
}
