package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

// generate writes n made-up orders of about 1.5 KB with ten lines each, and returns the file's size. The same n gives
// the same file.
func generate(path string, n int) (int64, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // Flush and Stat tell
	w := bufio.NewWriterSize(f, 1<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		writeOrder(w, rng, i)
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

var (
	streets = []string{"Kerkstraat", "Dorpsstraat", "Van der Takstraat", "Storgata", "Storgatan"}
	cities  = []string{"Utrecht", "Rotterdam", "Oslo", "Malmö", "Groningen"}
	goods   = []string{"Katoenen shirt", "Wollen trui", "Regenjas", "Wandelschoen", "Kaas belegen"}
)

func writeOrder(w *bufio.Writer, rng *rand.Rand, i int) {
	city, street := cities[i%len(cities)], streets[i%len(streets)]
	address := func(number int) string {
		return fmt.Sprintf(`{"street":"%s %d","postalCode":"%d AB","city":"%s","country":"NL"}`, street, number, 1000+number%9000, city)
	}
	var lines strings.Builder
	for n := range 10 {
		if n > 0 {
			lines.WriteByte(',')
		}
		fmt.Fprintf(&lines, `{"sku":"SKU-%05d","text":"%s maat %d","quantity":%d,"price":%d.%02d,"vat":21}`,
			rng.IntN(99999), goods[rng.IntN(len(goods))], 36+n, 1+rng.IntN(5), rng.IntN(200), rng.IntN(100))
	}
	fmt.Fprintf(w, `{"id":"%d","number":"2026-%06d","date":"2026-11-%02d","state":"%s","currency":"EUR","customer":{"number":%d,`+
		`"name":"Klant %d de Vries","email":"klant%d@example.test","phone":"+31 6 %08d"},"invoiceAddress":%s,"deliveryAddress":%s,"lines":[%s]}`+"\n",
		i, i, 1+i%28, []string{"paid", "paid", "paid", "open"}[i%4], i%5000, i%5000, i%5000, rng.IntN(99999999), address(i%200+1), address(i%300+1), lines.String())
}
