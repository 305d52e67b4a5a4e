// Keeps the studio for use without a connection: its page and programs from the start, models' files as they are fetched.
const version = '__VERSION__'
const files = ['__FILES__']

self.addEventListener('install', event => {
  event.waitUntil(
    caches
      .open(`studio-${version}`)
      .then(cache => cache.addAll(files))
      .then(() => self.skipWaiting()),
  )
})

self.addEventListener('activate', event => {
  const old = name => name.startsWith('studio-') && name !== `studio-${version}`
  event.waitUntil(
    caches
      .keys()
      .then(names => Promise.all(names.filter(old).map(name => caches.delete(name))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('fetch', event => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  event.respondWith(url.pathname.includes('/weights/') ? model(request) : page(request))
})

/** Of this version of the studio. */
async function page(request) {
  const cache = await caches.open(`studio-${version}`)
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request)
}

/** Models' files have their checksums in their addresses: they outlive versions of the studio. The list of them does not. */
async function model(request) {
  const isList = new URL(request.url).pathname.endsWith('/manifest.json')
  const cache = await caches.open(isList ? `studio-${version}` : 'models')
  const kept = await cache.match(request)
  if (kept) return kept
  const response = await fetch(request)
  if (response.ok) await cache.put(request, response.clone())
  return response
}
