// Package transforms runs people's own JavaScript and TypeScript functions in goja, within budgets.
package transforms
