package sdk

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const longestPause = 24 * time.Hour

// rateNames begin the headers by which systems say how many calls are left, and until when.
var rateNames = []string{"RateLimit-", "X-RateLimit-", "X-Rate-Limit-"}

// retryAfter is the pause in Retry-After, in seconds or up to a date; 0 = it does not say.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return pause(seconds)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longestPause)
	}
	return 0
}

// untilReset is how long to wait for new calls by the Reset header, whose seconds count from now or, with some, from 1970;
// 0 = it does not say.
func untilReset(header http.Header, now time.Time) time.Duration {
	for _, name := range rateNames {
		seconds, err := strconv.ParseFloat(strings.TrimSpace(header.Get(name+"Reset")), 64)
		switch {
		case err != nil:
			continue
		case seconds > 1e12: // milliseconds
			seconds /= 1000
			fallthrough
		case seconds > 1e9:
			seconds -= float64(now.UnixMilli()) / 1000
		}
		return pause(int64(math.Ceil(min(seconds, 1e9))))
	}
	return 0
}

func pause(seconds int64) time.Duration {
	return time.Duration(min(max(seconds, 0), int64(longestPause/time.Second))) * time.Second
}

// exhausted tells whether an answer says that no call is left.
func exhausted(header http.Header) bool {
	for _, name := range rateNames {
		if strings.TrimSpace(header.Get(name+"Remaining")) == "0" {
			return true
		}
	}
	return false
}
