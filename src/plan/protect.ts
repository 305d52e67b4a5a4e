/** What protecting and recovering a face take: the program itself, run without values. */
import * as tf from '@tensorflow/tfjs'
import { type BackendName, fusedBackend } from '../backend/index.ts'
import { loadModelConfig, type ModelConfig } from '../config/model.ts'
import { guidesOf, type Recipe } from '../config/recipe.ts'
import { featureNetwork } from '../faces/features.ts'
import { type EnergyNetworks, energyNetworkParts } from '../faces/networks.ts'
import { recognizerNetworks } from '../faces/recognizers.ts'
import { meanLandmarks } from '../faces/template.ts'
import { bisenet, faceParser } from '../models/bisenet.ts'
import { latentDiffusion } from '../models/latent-diffusion.ts'
import type { Shapes } from '../models/module.ts'
import { BUCKETS } from '../models/msi.ts'
import { protectFace } from '../pipeline/face.ts'
import { assembleModel, type FaceModel } from '../pipeline/model.ts'
import { makeSecret, recoverFace } from '../pipeline/recovery.ts'
import { checkpointShape } from '../weights/layout.ts'
import { OutlineWeights, outlineFaces } from './outlines.ts'
import { type Plan, refuseTooLarge } from './plan.ts'
import { type CountOptions, countedRun, outline } from './shape-backend.ts'

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
      const model = outlineModel(config, weights)
      const guides = guidesOf(recipe).map(name => {
        const { parameters, over } = recognizerNetworks[name]
        return over(weights.of(parameters, `guide (${name})`))
      })
      const parser = async () => faceParser(weights.of(bisenet().parameters, 'face parsing (bisenet)'))
      const face = outlineFaces(1, config)
      endStage('start')
      const versions = await protectFace(
        model,
        guides,
        face,
        { ...recipe, attempts: 1 },
        {
          randomness: 0,
          identity: 'plan',
          landmarks: meanLandmarks(config.imageSize),
          size: model.outputSizes.at(-1)!,
          parser,
          networks: async () => outlineEnergyNetworks(weights),
        },
      )
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

/** Plans the recovery of one face from its key, in two steps, which take as much memory as all of them. */
export async function planRecovery(config: ModelConfig, options: CountOptions = {}): Promise<Plan> {
  const weights = new OutlineWeights()
  const stages = await countedRun(endStage => {
    const model = outlineModel(config, weights)
    const vectors = outline<tf.Tensor2D>([BUCKETS, model.placeholderWidth])
    const latent = outline<tf.Tensor4D>([1, ...model.latentShape])
    endStage('start')
    recoverFace(model, { vectors, latent }, 2)
    endStage('recovered face')
    tf.dispose(model.unconditional)
  }, options)
  return { title: `recover one face with ${config.name}`, networks: weights.networks, shapes: new Map(), stages }
}

/**
 * Refuses recipes whose protection of a face cannot be carried out on a backend on this machine.
 * @param jobs processes at once
 * @throws UserError as `refuseTooLarge`
 */
export async function refuseRecipes(recipes: readonly Recipe[], backend: BackendName, jobs = 1): Promise<void> {
  const options = { brief: true, fused: fusedBackend(backend) }
  // Drops the settings that do not affect memory, so that recipes that are then identical are planned once.
  const distinct = new Map(
    recipes.map(recipe => {
      const { guidance, energies, seed, attempts, steps, strength, threshold, recovery, attentionGuidance, ...rest } =
        recipe
      const uses = {
        guided: guidance.above + guidance.below > 0,
        diverse: energies.diversity !== 0,
        perturbed: attentionGuidance.scale > 0,
      }
      return [JSON.stringify({ ...rest, ...uses }), recipe]
    }),
  )
  for (const recipe of distinct.values()) {
    const plan = await planProtection(await loadModelConfig(recipe.model), recipe, options)
    refuseTooLarge(plan, backend, undefined, jobs)
  }
}

function outlineEnergyNetworks(weights: OutlineWeights): EnergyNetworks {
  const { landmarks, expression, ageGender, iris } = energyNetworkParts
  // Their parameters are named and laid out as at run time.
  const of = ({ parameters }: { readonly parameters: Shapes }, use: string) => {
    const laid = Object.entries(parameters).map(([name, shape]) => [name, checkpointShape(shape)] as const)
    return weights.of(Object.fromEntries(laid), `energies (${use})`)
  }
  return {
    landmarks: landmarks.over(of(landmarks, 'landmarks')),
    expression: expression.over(of(expression, 'expression')),
    ageGender: ageGender.over(of(ageGender, 'age and sex')),
    iris: iris.over(of(iris, 'gaze')),
  }
}

function outlineModel(config: ModelConfig, weights: OutlineWeights): FaceModel {
  const networks = latentDiffusion(config)
  const features = featureNetwork(config.features)
  const ofNetworks = weights.ofModel(networks)
  const featureNet = features.over(weights.of(features.parameters, `features (${config.features.network})`))
  return assembleModel({ config, sha256: '', networks, weights: ofNetworks, features: featureNet })
}
