import yargs, { type Argv, type CommandModule } from 'yargs'
import packageJson from '../../package.json' with { type: 'json' }
import { nearestHint, UserError } from '../util/errors.ts'
import { limits, setLimit, setLimitOf } from '../util/limits.ts'
import { type CommandEntry, commands, renamed } from './commands.ts'

/** What yargs knows of its options; its types leave this out. */
interface KnownOptions {
  key: Record<string, unknown>
  array: string[]
  boolean: string[]
  number: string[]
}

/**
 * Runs one command line to its end.
 * @param args what follows the program's name
 * @throws UserError for a command line that is not understood, or from the command
 */
export async function run(
  args: readonly string[],
  table: Readonly<Record<string, CommandEntry>> = commands,
): Promise<void> {
  const old = args.find(arg => !arg.startsWith('-'))
  if (old !== undefined && Object.hasOwn(renamed, old) && !Object.hasOwn(table, old))
    throw new UserError(`'${old}' is now '${renamed[old]}'`)
  const program = yargs()
    .scriptName('diff-privacy')
    .usage(
      '$0 <command> [options]\n\nProtects faces in photos by diffusion, and trains and measures the models that do it.',
    )
    .option('backend', { type: 'string', describe: 'tfjs backend to compute on [default: the fastest present]' })
    .option('max-megapixels', {
      type: 'number',
      describe: `largest picture that is read [default: ${limits.megapixels.most}]`,
    })
    .option('limit', {
      type: 'string',
      array: true,
      describe: `another limit of what is read, NAME=VALUE: ${Object.entries(limits)
        .map(([name, { most }]) => `${name}=${most}`)
        .join(', ')}`,
    })
    .option('debug', { type: 'boolean', describe: 'show the stack of an error' })
    .version(packageJson.version)
    .help()
    .alias('help', 'h')
    .locale('en')
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    // So that '--set a=1 photo.jpg' leaves the photo alone.
    .parserConfiguration({ 'greedy-arrays': false })
    .strict()
    .demandCommand(1, 'expected a command')
    .exitProcess(false)
    .fail((message, error) => {
      throw error && error.name !== 'YError' ? error : usageMistake(message, args, table, optionsOf(program))
    })
    .check(argv => refuseDoubtful(argv, args, optionsOf(program)))
    .middleware(({ maxMegapixels, limit = [] }) => {
      if (maxMegapixels !== undefined) setLimit('megapixels', maxMegapixels)
      for (const text of limit) setLimitOf(text)
    })
  for (const [name, { describe, load }] of Object.entries(table)) {
    // Only what the command line names is loaded; the others are there for the list.
    const module = args.includes(name) ? await load() : undefined
    if (module) program.command({ ...module, describe } as unknown as CommandModule)
    else program.command(name, describe)
  }
  await program.parseAsync([...args])
}

/** yargs' complaint as one line that says what to do. */
function usageMistake(
  message: string,
  args: readonly string[],
  table: Readonly<Record<string, CommandEntry>>,
  { key }: KnownOptions,
): UserError {
  const name = args.find(arg => Object.hasOwn(table, arg))
  const help = `see diff-privacy ${name ? `${name} ` : ''}--help`
  const unknown = /^Unknown (?:argument|command)s?: ([^,]*)/.exec(message)?.[1]
  if (unknown === undefined) return new UserError(`${message.replace(/\s*\n\s*/g, ' ')}: ${help}`)
  if (!args.includes(unknown)) {
    const dashes = args.some(arg => arg.startsWith(`--${unknown}`)) || unknown.length > 1 ? '--' : '-'
    return new UserError(`unknown option ${dashes}${unknown}${nearestHint(unknown, Object.keys(key))}: ${help}`)
  }
  if (name) return new UserError(`'${unknown}' is one argument too many: ${help}`)
  return new UserError(`unknown command '${unknown}'${nearestHint(unknown, Object.keys(table))}: ${help}`)
}

/** Refuses what yargs lets through: an option without its value, a word for a number, two values where one is taken. */
function refuseDoubtful(argv: Record<string, unknown>, args: readonly string[], known: KnownOptions): true {
  for (const name of Object.keys(known.key)) {
    if (known.boolean.includes(name)) continue
    const at = args.indexOf(`--${name}`)
    const isLast = at >= 0 && (args[at + 1] ?? '--').startsWith('--')
    const value = argv[name]
    if (isLast || value === '') throw new UserError(`expected a value after --${name}, found none`)
    if (known.number.includes(name) && [value].flat().some(Number.isNaN))
      throw new UserError(`expected a number after --${name}, found '${valuesOf(name, args).find(isNoNumber)}'`)
    if (Array.isArray(value) && !known.array.includes(name))
      throw new UserError(`expected --${name} once, found it ${value.length} times`)
  }
  return true
}

/** What an option is given on the command line, after it or after its equals sign. */
function valuesOf(name: string, args: readonly string[]): string[] {
  const prefix = `--${name}=`
  return args.flatMap((arg, i) => {
    if (arg.startsWith(prefix)) return [arg.slice(prefix.length)]
    return arg === `--${name}` ? [args[i + 1] ?? ''] : []
  })
}

const isNoNumber = (text: string) => Number.isNaN(Number(text))

function optionsOf(program: Argv): KnownOptions {
  return (program as unknown as { getOptions(): KnownOptions }).getOptions()
}
