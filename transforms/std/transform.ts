/**
 * The project's scripts, with what each is given. `kopru types` fills it in from the pipelines.
 */
export interface Scripts {}

/**
 * What a script is given: the record as the steps before have made it. Any field may be missing.
 */
export type Input<Script extends string> = Script extends keyof Scripts ? Scripts[Script]["record"] : any;

/**
 * The second argument of a transform.
 */
export interface Context<Script extends string = string> {
  /** When the run began; new Date() and Date.now() say the same. */
  readonly now: Date;
  /** The vars of the transform block; read-only. */
  readonly vars: Script extends keyof Scripts ? Scripts[Script]["vars"] : any;
  /** What is known about the record beside its fields. */
  readonly meta: { readonly key: string; readonly entity: string; readonly operation: string; readonly [name: string]: any };
  /** The pipeline's name. */
  readonly pipeline: string;
  log(message: unknown): void;
  /** Refuses the record: it is set aside with the message and, if given, the field at fault and a code such as "no_street". */
  fail(message: string, options?: { field?: string; code?: string }): never;
}
