package apns

import (
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	for host, want := range map[string]string{ // the server, or part of the error
		"":                                hostProduction,
		"api.example.com":                 "api.example.com:443",
		"api.example.com:2197":            "api.example.com:2197",
		"https://api.example.com:443":     "api.example.com:443",
		"https://api.example.com/":        "api.example.com:443",
		"HTTPS://api.example.com:8443/":   "api.example.com:8443",
		"api.example.com/":                "api.example.com:443",
		"https://[::1]:8443":              "[::1]:8443",
		"http://api.example.com":          "over TLS only",
		"HTTP://api.example.com:80/":      "over TLS only",
		"https://":                        "it is a name",
		"/":                               "it is a name",
		":443":                            "it is a name",
		"https://https://api.example.com": "it is a name",
		"https://api.example.com/3":       "it is a name",
		"https://user@api.example.com":    "it is a name",
		"https://api.example.com?x=1":     "it is a name",
	} {
		c := Defaults()
		c.Host = host
		switch err := c.check(); {
		case err != nil && (!strings.HasPrefix(err.Error(), "host: ") || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error %v, want %q", host, err, want)
		case err == nil && c.hosts().production != want:
			t.Errorf("%q: server %s, want %q", host, c.hosts().production, want)
		}
	}
}
