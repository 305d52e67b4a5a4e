/**
 * Parquet files as Hugging Face writes image data sets: a column of structs { bytes, path }, one file or several shards
 * (train-00000-of-00012.parquet), other columns beside it.
 */
import { basename, join, sep } from 'node:path'
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { mostRatio } from '../../images/format.ts'
import { nearestHint, UserError } from '../../util/errors.ts'
import { limit, raising } from '../../util/limits.ts'
import { once } from '../../util/memoize.ts'
import { openBytes } from '../../weights/bytes.ts'
import { picture, type Source, type SourcePicture } from './source.ts'

/** An open shard. */
interface Shard {
  /** Its path within the source. */
  readonly name: string
  /** Where it lies. */
  readonly path: string
  readonly file: AsyncBuffer
  readonly metadata: FileMetaData
  /** The column of pictures. */
  readonly column: string
  readonly close: () => Promise<void>
}

/** Rows of one shard that are stored together, and so read together. */
interface Group {
  readonly shard: Shard
  readonly start: number
  readonly end: number
}

interface Row {
  readonly path: string | undefined
  readonly identity: string | undefined
}

/**
 * Every row of the files `names` of a folder, in their order. A picture is named by its path where the files give each
 * another one, and by file and row otherwise: the file by its name, or by its path in the folder where two have one name.
 * Of the pictures themselves one row group is in memory at a time: read them in order.
 * @param names paths of the files within the folder, which may name a split
 * @param identityColumn the column that says who a picture shows
 * @throws UserError when a file is no Parquet, or has no such columns
 */
export async function parquetSource(
  folder: string,
  names: readonly string[],
  identityColumn?: string,
): Promise<Source> {
  const shards = await Promise.all(names.map(name => openShard(folder, name, identityColumn)))
  const rows = (await Promise.all(shards.map(shard => readRows(shard, identityColumn)))).flat()
  const named = rows.every(({ path }) => path) && allDiffer(rows.map(({ path }) => path))
  const short = allDiffer(shards.map(({ name }) => basename(name)))
  const read = groupReader()
  let i = 0
  const pictures = shards.flatMap(shard =>
    groupsOf(shard).flatMap(group =>
      Array.from({ length: group.end - group.start }, (_, k): SourcePicture => {
        const { path, identity } = rows[i++]!
        const id = named ? path! : `${short ? basename(shard.name) : shard.name}/${group.start + k}`
        return {
          ...picture(id, async () => (await read(group))[k]!, shard.name),
          ...(identity !== undefined && { identity }),
        }
      }),
    ),
  )
  return { kind: 'parquet', pictures, close: async () => void (await Promise.all(shards.map(({ close }) => close()))) }
}

const allDiffer = (values: readonly unknown[]) => new Set(values).size === values.length

async function openShard(folder: string, name: string, identityColumn: string | undefined): Promise<Shard> {
  const path = join(folder, name)
  const bytes = await openBytes(path)
  const file: AsyncBuffer = {
    byteLength: bytes.size,
    async slice(start, end = bytes.size) {
      if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start)
        throw new Error(`it asks for its bytes ${start} to ${end}`)
      return (await bytes.read(start, Math.min(end, bytes.size) - start)).buffer
    },
  }
  const metadata = await parquetMetadataAsync(file).catch(notWhole(path))
  checkSizes(metadata, bytes.size, path)
  const leaves = (metadata.row_groups[0]?.columns ?? []).map(({ meta_data }) => meta_data?.path_in_schema ?? [])
  const column = leaves.find(
    ([first, leaf]) => leaf === 'bytes' && leaves.some(other => `${other}` === `${first},path`),
  )
  const columns = [...new Set(leaves.map(([first]) => first!))]
  if (!column)
    throw new UserError(
      `${path}: expected a column of pictures { bytes, path }, found columns ${columns.join(', ') || '(none)'}`,
    )
  if (identityColumn !== undefined && !columns.includes(identityColumn))
    throw new UserError(
      `${path}: expected a column '${identityColumn}' of identities${nearestHint(identityColumn, columns)}, found ${columns.join(', ')}`,
    )
  return { name: name.replaceAll(sep, '/'), path, file, metadata, column: column[0]!, close: bytes.close }
}

/** hyparquet and its decompressors throw errors of every kind at a file that is broken. */
function notWhole(path: string): (error: Error) => never {
  return error => {
    if (error instanceof UserError) throw error
    throw new UserError(`expected a whole Parquet file, found '${error.message}': ${path}; fetch it again`)
  }
}

/**
 * What a file claims of itself is believed only as far as it is possible; a field may also be missing.
 * @param size of the file in bytes
 * @throws UserError
 */
function checkSizes({ row_groups, num_rows }: FileMetaData, size: number, path: string): void {
  const isCount = (value: unknown) => Number.isSafeInteger(Number(value ?? Number.NaN)) && Number(value) >= 0
  const wrong = (what: string) => new UserError(`${path} is not a whole Parquet file: ${what}; fetch it again`)
  const ratio = mostRatio()
  let rows = 0
  for (const group of row_groups) {
    rows += Number(group.num_rows ?? Number.NaN)
    if (!isCount(group.num_rows)) throw wrong(`it claims ${group.num_rows} rows in a group`)
    for (const { meta_data } of group.columns) {
      if (!meta_data) throw wrong('it does not say where a column is')
      const { num_values, total_compressed_size: packed, total_uncompressed_size: unpacked } = meta_data
      const { data_page_offset, dictionary_page_offset } = meta_data
      const start = dictionary_page_offset || data_page_offset
      if (
        ![num_values, packed, unpacked, data_page_offset, start].every(isCount) ||
        Number(start) + Number(packed) > size
      )
        throw wrong(`a column of it lies at byte ${start}, of ${packed} bytes, where the file has ${size}`)
      if (unpacked > ratio.from && Number(unpacked) > ratio.times * Number(packed))
        throw wrong(
          `a column of it is ${packed} bytes that claim to be ${unpacked}: ${raising('ratio', Number(unpacked) / Number(packed))}, if that is meant`,
        )
    }
  }
  if (rows !== Number(num_rows ?? Number.NaN)) throw wrong(`it claims ${num_rows} rows, in groups of ${rows}`)
  if (rows > limit('entries'))
    throw new UserError(
      `${path}: expected at most ${limit('entries')} rows, found ${rows}: ${raising('entries', rows)}`,
    )
}

function groupsOf(shard: Shard): Group[] {
  let end = 0
  return shard.metadata.row_groups.map(({ num_rows }) => {
    const start = end
    end += Number(num_rows)
    return { shard, start, end }
  })
}

/** Paths and identities of a shard's rows, without reading its pictures. */
async function readRows({ path, file, metadata, column }: Shard, identityColumn: string | undefined): Promise<Row[]> {
  const columns = [column, ...(identityColumn === undefined ? [] : [identityColumn])]
  const rows = await parquetReadObjects({ file, metadata: withoutBytes(metadata, column), columns, compressors }).catch(
    notWhole(path),
  )
  return rows.map(row => ({
    path: typeof row[column]?.path === 'string' && row[column].path !== '' ? row[column].path : undefined,
    identity: identityColumn === undefined || row[identityColumn] == null ? undefined : String(row[identityColumn]),
  }))
}

/** What a file would say of itself without the bytes of its pictures: hyparquet chooses among whole columns only. */
function withoutBytes(metadata: FileMetaData, column: string): FileMetaData {
  const parent = metadata.schema.findIndex(({ name }) => name === column)
  const leaf = metadata.schema.findIndex(({ name }, i) => i > parent && name === 'bytes')
  return {
    ...metadata,
    schema: metadata.schema
      .map((element, i) => (i === parent ? { ...element, num_children: element.num_children! - 1 } : element))
      .filter((_, i) => i !== leaf),
    row_groups: metadata.row_groups.map(group => ({
      ...group,
      columns: group.columns.filter(({ meta_data }) => `${meta_data?.path_in_schema}` !== `${column},bytes`),
    })),
  }
}

/** Reads the pictures of a group of rows, and keeps those of the last one. */
function groupReader(): (group: Group) => Promise<Uint8Array[]> {
  let last: { group: Group; pictures: () => Promise<Uint8Array[]> } | undefined
  return group => {
    if (last?.group !== group) last = { group, pictures: once(() => readGroup(group)) }
    return last.pictures()
  }
}

async function readGroup({ shard: { path, file, metadata, column }, start, end }: Group): Promise<Uint8Array[]> {
  const range = { rowStart: start, rowEnd: end }
  const rows = await parquetReadObjects({
    file,
    metadata,
    columns: [column],
    ...range,
    utf8: false,
    compressors,
  }).catch(notWhole(path))
  return rows.map(row => {
    const bytes: unknown = row[column]?.bytes ?? new Uint8Array()
    if (bytes instanceof Uint8Array) return bytes
    throw new UserError(
      `expected a column of pictures { bytes, path }, found bytes that are ${typeof bytes}: ${path}; fetch it again`,
    )
  })
}
