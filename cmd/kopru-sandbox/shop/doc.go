// Package shop makes up a small Dutch shop: its people, articles and orders
// as the till knows them, and the books as the ERP knows them. The same seed
// always gives the same shop, so that two emulators can serve one story.
package shop
