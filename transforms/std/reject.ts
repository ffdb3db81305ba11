declare const __kopru: { reject(message: string, field?: string): never };

/** Refuses the record, as ctx.fail does: it is set aside with the message and, if given, the field at fault. */
export function reject(message: string, field?: string): never {
  return __kopru.reject(message, field);
}
