import { protectCommand } from './protect-command.ts'

export const { command, builder, handler } = protectCommand('anonymize')
