/** The calls of MLflow's REST API that a run needs (https://mlflow.org/docs/latest/rest-api.html). */
import { UserError } from '../util/errors.ts'

/** Why a call did not succeed; `status` is 0 where there was no answer. */
export class ServerError extends Error {
  override readonly name = 'ServerError'
  constructor(
    readonly status: number,
    /** MLflow's own, such as RESOURCE_DOES_NOT_EXIST. */
    readonly code: string,
    message: string,
  ) {
    super(message)
  }

  /** Whether the same call would be refused again: it is the call that is wrong, and not the server or the moment. */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && ![401, 403, 408, 429].includes(this.status)
  }
}

export interface RunInfo {
  readonly run_id: string
  readonly artifact_uri: string
}

/** A run, as the server describes it. */
export interface RunData {
  readonly info: RunInfo
  readonly data: {
    readonly metrics?: readonly { readonly key: string; readonly step?: number | string }[]
    readonly params?: readonly { readonly key: string; readonly value: string }[]
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** A tracking server. Credentials come from the environment alone, and go nowhere but into requests to it. */
export class MlflowServer {
  readonly uri: string
  private readonly authorization: Record<string, string>

  /**
   * @param uri http://HOST:PORT; else MLFLOW_TRACKING_URI
   * @param patience seconds after which a call that is not answered has failed
   * @throws UserError when there is no address, or it is not that of a server
   */
  constructor(
    uri: string | undefined,
    environment: Environment = process.env,
    private readonly patience = 10,
  ) {
    this.uri = address(uri ?? environment.MLFLOW_TRACKING_URI)
    this.authorization = authorization(environment)
  }

  /** Calls an endpoint below /api/2.0/mlflow/ with a JSON body, or with a query for GET. */
  async call<T = unknown>(
    method: 'GET' | 'POST',
    path: string,
    content: Readonly<Record<string, unknown>>,
  ): Promise<T> {
    const query = method === 'GET' ? `?${new URLSearchParams(content as Record<string, string>)}` : ''
    const response = await this.request(method, `/api/2.0/mlflow/${path}${query}`, {
      headers: { 'content-type': 'application/json' },
      body: method === 'GET' ? undefined : JSON.stringify(content),
    })
    return (await response.json()) as T
  }

  /**
   * Stores a file of a run through the server.
   * @param name its path among the run's artifacts
   * @throws ServerError, final, when the server keeps artifacts where only its clients could put them
   */
  async putArtifact({ artifact_uri }: RunInfo, name: string, bytes: Uint8Array): Promise<void> {
    const root = /^mlflow-artifacts:(?:\/\/[^/]*)?\/?(.*)$/.exec(artifact_uri)?.[1]
    if (root === undefined)
      throw new ServerError(400, 'NO_ARTIFACT_PROXY', `it keeps artifacts in ${artifact_uri}, and takes none itself`)
    const path = `${root}/${name}`.split('/').map(encodeURIComponent).join('/')
    await this.request('PUT', `/api/2.0/mlflow-artifacts/artifacts/${path}`, {
      body: new Blob([bytes as Uint8Array<ArrayBuffer>]),
    })
  }

  private async request(method: string, path: string, init: RequestInit): Promise<Response> {
    const { signal, stop } = patienceOf(this.patience)
    try {
      const headers = { ...(init.headers as Record<string, string>), ...this.authorization }
      const response = await fetch(this.uri + path, { ...init, method, headers, signal, redirect: 'error' })
      if (!response.ok) throw await refusal(response)
      // Read here, so that a body that does not come counts as no answer too.
      return new Response(await response.arrayBuffer())
    } catch (error) {
      if (error instanceof ServerError) throw error
      const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
      throw new ServerError(0, cause?.code ?? 'NO_ANSWER', cause?.code ?? cause?.message ?? message)
    } finally {
      stop()
    }
  }
}

async function refusal(response: Response): Promise<ServerError> {
  const body = await response.text().catch(() => '')
  let told: { error_code?: string; message?: string } = {}
  try {
    told = JSON.parse(body)
  } catch {} // A proxy's page, perhaps.
  const hint =
    response.status === 401 || response.status === 403 ? '; check MLFLOW_TRACKING_TOKEN, or USERNAME and PASSWORD' : ''
  const message = (told.message ?? response.statusText).split('\n')[0]!.slice(0, 200)
  return new ServerError(response.status, told.error_code ?? '', `${response.status} ${message}${hint}`)
}

/**
 * A signal that aborts after so many seconds in which this process could have heard an answer: while a step computes
 * nothing is heard, and that counts as no more than a quarter of a second.
 */
function patienceOf(seconds: number): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController()
  let left = seconds * 4
  const timer = setInterval(() => {
    if (--left <= 0) controller.abort(new Error(`no answer within ${seconds} s`))
  }, 250)
  timer.unref()
  return { signal: controller.signal, stop: () => clearInterval(timer) }
}

function address(uri: string | undefined): string {
  if (!uri)
    throw new UserError('mlflow: expected the address of a server: mlflow=http://HOST:PORT, or set MLFLOW_TRACKING_URI')
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url && (url.username || url.password))
    throw new UserError(
      'mlflow: expected an address without user name and password, found one with them: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD',
    )
  if (!url || !/^https?:$/.test(url.protocol))
    // Whatever it is may hold a password.
    throw new UserError('mlflow: expected the address of a server such as http://HOST:PORT, found something else')
  return uri.replace(/\/+$/, '')
}

function authorization({
  MLFLOW_TRACKING_TOKEN: token,
  MLFLOW_TRACKING_USERNAME: user,
  MLFLOW_TRACKING_PASSWORD: password,
}: Environment): Record<string, string> {
  if (token) return { authorization: `Bearer ${token}` }
  if (!user) return {}
  return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` }
}
