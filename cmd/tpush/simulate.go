package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tpush/tpush/providers/apns/apnstest"
	"github.com/tpush/tpush/providers/fcm/fcmtest"
)

// simulateCommand is Apple and Google as a process of their own, so that what
// they cost is not counted as the program's.
type simulateCommand struct {
	Home    string        `help:"Folder for the certificates and the service account that the simulators accept." default:"."`
	Latency time.Duration `help:"How long APNs takes for an answer." default:"0s"`
	Refuse  int           `help:"APNs answers one push of so many with 503 (0: none)." default:"0"`
}

// simulated is what the command prints when it is ready.
type simulated struct {
	APNs string `json:"apns"` // host:port
	FCM  string `json:"fcm"`  // endpoint
}

// Run implements the command: it prints the addresses, serves until its input
// ends, and prints how many pushes it answered with each status.
func (c *simulateCommand) Run(_ context.Context, out streams) error {
	if c.Refuse < 0 || c.Latency < 0 {
		return errors.New("latency and refuse are 0 or more")
	}
	s, err := openSimulators(c.Home)
	if err != nil {
		return err
	}
	defer s.close()
	s.apns.Delay(c.Latency)
	s.apns.SetLoad(apnstest.Load{CountOnly: true, Every: c.Refuse, Answer: apnstest.Answer{Status: 503, Reason: "ServiceUnavailable"}})
	e := json.NewEncoder(out.out)
	if err := e.Encode(simulated{s.apns.Addr(), s.fcm.Endpoint()}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, bufio.NewReader(os.Stdin)); err != nil {
		return fmt.Errorf("wait for the end of the input: %w", err)
	}
	return e.Encode(s.apns.Counts())
}

// simulators are Apple and Google in this process.
type simulators struct {
	apns *apnstest.Server
	fcm  *fcmtest.Server
}

// openSimulators starts them and writes what they accept to a folder:
// apns-cert.p12 (password Pa$$w0rd), the same as apns-cert.pem, apns-ca.pem, and
// service-account.json.
func openSimulators(home string) (s *simulators, err error) {
	s = new(simulators)
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.apns, err = apnstest.New(); err != nil {
		return nil, err
	}
	if s.fcm, err = fcmtest.New(); err != nil {
		return nil, err
	}
	credential, err := s.apns.Issue(apnstest.Certificate{UID: demoTopic, Topics: []string{demoTopic, demoTopic + ".voip"}, Production: true})
	if err != nil {
		return nil, err
	}
	p12, err := credential.P12("Pa$$w0rd", false, true)
	if err != nil {
		return nil, fmt.Errorf("encode certificate: %w", err)
	}
	key, err := credential.KeyPEM()
	if err != nil {
		return nil, err
	}
	account, err := s.fcm.ServiceAccount()
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{"apns-cert.p12": p12, "apns-cert.pem": append(credential.CertPEM(), key...),
		"apns-ca.pem": s.apns.CA(), "service-account.json": account} {
		if err := os.WriteFile(filepath.Join(home, name), data, 0o600); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	return s, nil
}

func (s *simulators) close() {
	if s.apns != nil {
		s.apns.Close()
	}
	if s.fcm != nil {
		s.fcm.Close()
	}
}
