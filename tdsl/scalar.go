package tdsl

import (
	"regexp"
	"strconv"
)

var (
	decimal = regexp.MustCompile(`^(-?[0-9]+\.[0-9]+)([dDfF]*)$`)
	integer = regexp.MustCompile(`^(-?[0-9]+)([lL]*)$`)
)

// scalar reads bare text (Tigase's rules, in this order): a decimal number is a
// double, with any other suffix than one d a float; a whole number is an int,
// with exactly one l a long; true, false, null; else the text as it stands, with
// the white space around it. A whole number out of range is an error.
func scalar(raw string) (any, error) {
	t := trim(raw)
	if t == "" || t[0] != '-' && (t[0] < '0' || t[0] > '9') {
		return word(raw, t), nil
	}
	if m := decimal.FindStringSubmatch(t); m != nil {
		if m[2] == "" || m[2] == "d" || m[2] == "D" {
			return parseFloat(m[1], 64), nil
		}
		return float32(parseFloat(m[1], 32)), nil
	}
	if m := integer.FindStringSubmatch(t); m != nil {
		size := 32
		if len(m[2]) == 1 {
			size = 64
		}
		n, err := strconv.ParseInt(m[1], 10, size)
		if err != nil {
			return nil, err
		}
		if size == 64 {
			return n, nil
		}
		return int32(n), nil
	}
	return raw, nil
}

// word is bare text that is no number.
func word(raw, trimmed string) any {
	switch trimmed {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	return raw
}

// parseFloat reads a number; one out of range is infinite, as in Java.
func parseFloat(s string, size int) float64 {
	// The pattern lets only numbers through, and a range error comes with ±Inf.
	f, _ := strconv.ParseFloat(s, size)
	return f
}

// abbreviate cuts what is too long for a message.
func abbreviate(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
