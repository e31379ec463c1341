package tdsl

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var isoDuration = regexp.MustCompile(`(?i)^([-+]?)P(?:([-+]?\d+)D)?(T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+)(?:[.,](\d{0,9}))?S)?)?$`)

var errDuration = errors.New("a duration is expected, such as PT15S, PT5M or P1D")

// parseDuration reads an ISO-8601 duration as java.time.Duration does: days to
// seconds, in any letter case, each with a sign; no weeks, months or years, and
// no plain numbers.
func parseDuration(text string) (time.Duration, error) {
	m := isoDuration.FindStringSubmatch(text)
	if m == nil || m[2] == "" && m[4] == "" && m[5] == "" && m[6] == "" || m[3] == "T" || m[3] == "t" {
		return 0, errDuration
	}
	var total time.Duration
	for i, unit := range map[int]time.Duration{2: 24 * time.Hour, 4: time.Hour, 5: time.Minute, 6: time.Second} {
		if m[i] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i], 10, 64)
		if err != nil || n != 0 && (time.Duration(n)*unit)/unit != time.Duration(n) {
			return 0, errDuration
		}
		total += time.Duration(n) * unit
	}
	if frac := m[7]; frac != "" {
		n, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		if err != nil {
			return 0, errDuration
		}
		if m[6][0] == '-' {
			n = -n
		}
		total += time.Duration(n)
	}
	if m[1] == "-" {
		total = -total
	}
	return total, nil
}

// durationText is a duration as Java's Duration.toString gives it.
func durationText(d time.Duration) string {
	if d == 0 {
		return "PT0S"
	}
	s := "PT"
	if h := d / time.Hour; h != 0 {
		s += fmt.Sprintf("%dH", h)
	}
	if m := d % time.Hour / time.Minute; m != 0 {
		s += fmt.Sprintf("%dM", m)
	}
	if sec := d % time.Minute; sec != 0 {
		s += strconv.FormatFloat(sec.Seconds(), 'f', -1, 64) + "S"
	}
	return s
}
