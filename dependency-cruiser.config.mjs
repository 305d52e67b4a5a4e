/**
 * The rooms of src/ from the upper to the lower ones: each imports only rooms below it, and no file imports itself by way of others.
 * ARCHITECTURE.md says what is in each.
 */
const rooms = [
  'cli',
  'report',
  'experiments|sweep|parity',
  'plan',
  'eval',
  'train',
  'pipeline',
  'tracking',
  'config',
  'keys',
  'data',
  'jobs',
  'energies',
  'faces',
  'images',
  'models',
  'diffusion',
  'text',
  'weights',
  'yaml',
  'backend',
  'util',
]

const upwards = rooms.slice(1).map((room, i) => ({
  name: `${room}-imports-upwards`,
  comment: `${room} is below ${rooms.slice(0, i + 1).join(', ')}: move what both need into a lower room, or pass it in`,
  severity: 'error',
  from: { path: `^src/(${room})/` },
  to: { path: `^src/(${rooms.slice(0, i + 1).join('|')})/` },
}))

export default {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-there', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'unknown-room',
      comment: 'a new room needs a place in the list of dependency-cruiser.config.mjs and in ARCHITECTURE.md',
      severity: 'error',
      from: { path: `^src/(?!(${rooms.join('|')})/)[^/]+/` },
      to: {},
    },
    ...upwards,
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
