/** What protecting a face takes: the program itself, run without values. */
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
import type { Recipe } from '../config/recipe.ts'
import { featureNetwork } from '../faces/features.ts'
import { recognizerNetworks } from '../faces/recognizers.ts'
import { bisenet, faceParser } from '../models/bisenet.ts'
import { latentDiffusion } from '../models/latent-diffusion.ts'
import { assembleModel } from '../protect/model.ts'
import { protectFace } from '../protect/protect.ts'
import { makeSecret } from '../protect/recovery.ts'
import { OutlineWeights, outlineFaces } from './outlines.ts'
import type { Plan } from './plan.ts'
import { type CountOptions, countedRun } from './shape-backend.ts'

/**
 * Plans the protection of one face: its protected versions, in one attempt, and its key.
 * @param options `brief`: two steps of each, which take as much memory as all of them
 */
export async function planProtection(
  config: ModelConfig,
  whole: Recipe,
  { brief = false, fused }: { brief?: boolean } & CountOptions = {},
): Promise<Plan> {
  const recipe = brief ? { ...whole, steps: 2, recovery: { ...whole.recovery, steps: 2 } } : whole
  const weights = new OutlineWeights()
  const shapes = new Map<string, readonly number[]>()
  const stages = await countedRun(
    async endStage => {
      const networks = latentDiffusion(config)
      const features = featureNetwork(config.features)
      const guideNetwork = recognizerNetworks[recipe.guide]
      const ofNetworks = weights.ofModel(networks)
      const featureNet = features.over(weights.of(features.parameters, `features (${config.features.network})`))
      const guide = guideNetwork.over(weights.of(guideNetwork.parameters, `guide (${recipe.guide})`))
      const model = assembleModel(config, '', networks, ofNetworks, featureNet)
      const parser = async () => faceParser(weights.of(bisenet().parameters, 'face parsing (bisenet)'))
      const face = outlineFaces(1, config)
      endStage('start')
      const versions = await protectFace(model, guide, face, { ...recipe, attempts: 1 }, { identity: 'plan', parser })
      endStage('protected versions')
      const { vectors, latent } = makeSecret(model, face, recipe)
      endStage('key')
      const named = { face, latent, 'placeholder vectors': vectors, context: model.unconditional, versions }
      for (const [name, { shape }] of Object.entries(named)) shapes.set(name, shape)
      tf.dispose([vectors, latent, versions, model.unconditional])
    },
    { fused },
  )
  const title = `${recipe.task} one face with ${config.name}`
  return { title, networks: weights.networks, shapes, stages }
}
