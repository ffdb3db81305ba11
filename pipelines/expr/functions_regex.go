package expr

import (
	"regexp"
	"sync"
)

// patterns keeps compiled regular expressions: a pattern stands in the project's text and is used on every record.
type patterns struct {
	mu    sync.RWMutex
	known map[string]*regexp.Regexp
}

// mostPatterns bounds what patterns made from records can take.
const mostPatterns = 256

func (p *patterns) compile(text string) (*regexp.Regexp, error) {
	p.mu.RLock()
	re, ok := p.known[text]
	p.mu.RUnlock()
	if ok {
		return re, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= mostPatterns || p.known == nil {
		p.known = map[string]*regexp.Regexp{}
	}
	p.known[text] = re
	return re, nil
}

func regexFunctions() []Function {
	var cache patterns
	return []Function{
		texts("regexreplace", "Every match of a regular expression replaced; $1 is what the first group matched.",
			`regexreplace("a1b22", "[0-9]+", "#")`, `"a#b#"`, 3, String,
			func(a []string) (any, error) {
				re, err := cache.compile(a[1])
				if err != nil {
					return nil, err
				}
				return re.ReplaceAllString(a[0], a[2]), nil
			}),
		texts("regexall", "All matches of a regular expression.", `regexall("[0-9]+", "a1b22")`, `["1", "22"]`, 2, List,
			func(a []string) (any, error) {
				re, err := cache.compile(a[0])
				if err != nil {
					return nil, err
				}
				return asList(re.FindAllString(a[1], -1)), nil
			}),
	}
}
