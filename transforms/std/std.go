// Package std is the library that scripts import as "kopru/std": addresses, countries, text and money.
package std

import "embed"

// Files are the library's TypeScript sources; index.ts is what is imported.
//
//go:embed index.ts decimal.ts text.ts address.ts country.ts money.ts reject.ts
var Files embed.FS

// Types declares the library, and the second argument of a transform, for editors.
//
//go:embed std.d.ts
var Types string
