/** Start-up lines of TensorFlow: native/quiet.cc, which `npm run native` compiles, keeps them from the user. */
import { existsSync } from 'node:fs'

/** Where the compiled addon is, within the package of tfjs-node. */
export const quietPath = 'lib/napi-v8/diff_privacy_quiet.node'

/**
 * What `load` gives, while nothing that this process prints reaches standard error. As it is where the addon is not compiled, and
 * where TF_CPP_MIN_LOG_LEVEL asks for every line.
 * @param addon path of the compiled file
 */
export function quietly<T>(addon: string, load: () => T): T {
  if (process.env.TF_CPP_MIN_LOG_LEVEL === '0' || !existsSync(addon)) return load()
  // Each time that it is loaded it turns standard error away, or back.
  const toggle = () => process.dlopen({ exports: {} }, addon)
  toggle()
  try {
    return load()
  } finally {
    toggle()
  }
}
