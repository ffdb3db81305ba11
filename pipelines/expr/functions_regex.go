package expr

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
)

// patterns keeps compiled regular expressions: a pattern stands in the project's text and is used on every record.
type patterns struct {
	mu    sync.RWMutex
	known map[string]*regexp.Regexp
}

var around = regexp.MustCompile(`\(\?<?[=!]`)

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
	var syntaxError *syntax.Error
	switch {
	case err != nil && around.MatchString(text):
		return nil, fmt.Errorf("the pattern %q is wrong: there is no look-ahead or look-behind, since they can run without end", text)
	case errors.As(err, &syntaxError):
		return nil, fmt.Errorf("the pattern %q is wrong: %s: %s", text, syntaxError.Code, syntaxError.Expr)
	case err != nil:
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
	pattern := func(at int, fn Function) Function {
		fn.Judge = map[int]func(any) error{at: func(v any) error {
			text, _ := v.(string)
			_, err := cache.compile(text)
			return err
		}}
		return fn
	}
	return []Function{
		pattern(1, texts("regexreplace", "Every match of a regular expression replaced; $1 is what the first group matched.",
			`regexreplace("a1b22", "[0-9]+", "#")`, `"a#b#"`, 3, String,
			func(a []string) (any, error) {
				re, err := cache.compile(a[1])
				if err != nil {
					return nil, err
				}
				return re.ReplaceAllString(a[0], a[2]), nil
			})),
		pattern(0, texts("regexall", "All matches of a regular expression.", `regexall("[0-9]+", "a1b22")`, `["1", "22"]`, 2, List,
			func(a []string) (any, error) {
				re, err := cache.compile(a[0])
				if err != nil {
					return nil, err
				}
				return asList(re.FindAllString(a[1], -1)), nil
			})),
	}
}
