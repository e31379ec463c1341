package apns

import (
	"testing"

	"github.com/tpush/tpush/providers/apns/apnstest"
)

// FuzzParseIdentity starts from a certificate in each of the forms that are
// read.
func FuzzParseIdentity(f *testing.F) {
	s, err := apnstest.New()
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	cred, err := s.Issue(apnstest.Certificate{UID: topic, Topics: []string{topic, topic + ".voip"}, Development: true})
	if err != nil {
		f.Fatal(err)
	}
	for _, old := range []bool{false, true} {
		p12, err := cred.P12("pw", old, true)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p12, "pw")
		f.Add(p12[:len(p12)/2], "pw")
	}
	text, err := cred.PEM()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, "")
	f.Add(cred.CertPEM(), "")
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"), "")
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		id, err := parseIdentity(data, nil, password)
		if err == nil && (id.cert.PrivateKey == nil || id.cert.Leaf == nil || id.expires.IsZero()) {
			t.Error("an identity that is not whole")
		}
	})
}
