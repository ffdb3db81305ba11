package file

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/sdk"
)

const benchRecords = 40_000

// order is a record of about 1.5 KB.
func order(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":"order-%07d","number":%d,"created":"2026-01-31T12:34:56Z","customer":{"id":"c-%d","name":"Björn Åkesson",`+
		`"email":"bjorn%d@example.com","address":{"street":"Storgatan 1","zip":"12345","city":"Göteborg","country":"SE"}},`+
		`"total":1234.50,"currency":"NOK","paid":true,"note":null,"lines":[`, i, i, i%1000, i)
	for l := range 9 {
		if l > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"line":%d,"item":"SKU-%05d","description":"Blue shirt, size M","quantity":%d,"price":199.90,"vat":25.00,"discount":0}`,
			l+1, i*7%99999, l)
	}
	fmt.Fprintf(&b, `],"remarks":"%s"}`, strings.Repeat("ok ", 20))
	return b.String()
}

func benchFolder(b *testing.B) (f folder, payloads []string) {
	b.Helper()
	payloads = make([]string, benchRecords)
	for i := range payloads {
		payloads[i] = order(i)
	}
	return newFolder(b), payloads
}

func BenchmarkRead(b *testing.B) {
	f, payloads := benchFolder(b)
	text := strings.Join(payloads, "\n") + "\n"
	f.put("a.jsonl", text)
	f.put("a.jsonl.gz", text)
	f.put("a.json", "["+strings.Join(payloads, ",\n")+"]")
	var table strings.Builder
	table.WriteString("id,number,name,street,zip,city,total,currency,created,note\n")
	for i := range benchRecords {
		fmt.Fprintf(&table, "order-%07d,%d,Björn Åkesson,\"Storgatan 1, opp\",12345,Göteborg,1234.50,NOK,2026-01-31T12:34:56Z,\n", i, i)
	}
	f.put("a.csv", table.String())
	for _, name := range []string{"a.jsonl", "a.jsonl.gz", "a.json", "a.csv"} {
		b.Run(name, func(b *testing.B) {
			size := len(text)
			if name == "a.csv" {
				size = table.Len()
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				_, err := f.conn.Read(b.Context(), sdk.ReadRequest{Entity: name, BatchSize: 250}, func(batch sdk.Batch) error {
					n += len(batch.Records)
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			if n != b.N*benchRecords {
				b.Fatalf("%d records", n)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	f, payloads := benchFolder(b)
	flat := make([]string, benchRecords)
	for i := range flat {
		flat[i] = fmt.Sprintf(`{"city":"Göteborg","currency":"NOK","id":"order-%07d","name":"Björn Åkesson","street":"Storgatan 1, opp","total":1234.50}`, i)
	}
	for _, batch := range []int{250, 2500} {
		for _, name := range []string{"a.jsonl", "a.jsonl.gz", "a.json", "a.csv"} {
			b.Run(fmt.Sprint(name, "/batch=", batch), func(b *testing.B) {
				records := payloads
				if name == "a.csv" {
					records = flat
				}
				all := ops(records...)
				w, err := f.open(name, "", sdk.Config{"if_exists": ifExistsReplace})
				if err != nil {
					b.Fatal(err)
				}
				n, size, at := 0, 0, 0
				for b.Loop() {
					if _, _, err := w.Write(b.Context(), all[at:at+batch]); err != nil {
						b.Fatal(err)
					}
					n, size = n+batch, size+batch*len(records[0])
					at = (at + batch) % (benchRecords - batch)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric(float64(size)/b.Elapsed().Seconds()/1e6, "MB/s")
			})
		}
	}
}
