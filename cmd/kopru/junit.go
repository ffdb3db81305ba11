package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"

	"github.com/kopru-io/kopru/pipelines/diag"
)

// The shape of JUnit's XML that build servers read.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Seconds string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",cdata"`
}

// writeJUnit writes one suite for each file of tests.
func writeJUnit(path string, results []testResult, files map[string][]byte) error {
	all := junitSuites{Tests: len(results)}
	at := map[string]int{}
	for _, r := range results {
		i, ok := at[r.File]
		if !ok {
			i = len(all.Suites)
			at[r.File] = i
			all.Suites = append(all.Suites, junitSuite{Name: r.File})
		}
		suite := &all.Suites[i]
		suite.Tests++
		class, _, _ := strings.Cut(r.File, ".test.")
		c := junitCase{
			Name: r.Name, Class: class, File: r.File, Line: r.Line,
			Seconds: fmt.Sprintf("%.3f", float64(r.TookMS)/1000),
		}
		if len(r.diags) > 0 {
			var text strings.Builder
			diag.Print(&text, r.diags, files, false)
			c.Failure = &junitFailure{Message: r.diags[0].Summary, Text: text.String()}
			suite.Failures++
			all.Failures++
		}
		suite.Cases = append(suite.Cases, c)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte(xml.Header), append(text, '\n')...), 0o644) //nolint:gosec // a report for others
}
