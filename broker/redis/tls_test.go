package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/redis"
)

// certify writes a certificate for the name and its key into files, and returns those who trust it.
func certify(t testing.TB, name string) (certificate, key string, trust *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "certificate"), filepath.Join(dir, "key")
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, content := range map[string][]byte{
		certificate: chain,
		key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(chain)
	return certificate, key, trust
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, key, trust := certify(t, "localhost")
	port := freePort(t)
	server := startServer(t, "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key,
		"--tls-ca-cert-file", certificate, "--tls-auth-clients", "no")
	byName, byAddress := "rediss://"+net.JoinHostPort("localhost", port), "rediss://"+net.JoinHostPort("127.0.0.1", port)
	refused := map[string]struct {
		url string
		tls *tls.Config
	}{
		"certificate signed by unknown authority": {byName, nil},
		"cannot validate certificate for 127":     {byAddress, &tls.Config{RootCAs: trust}},
		"no answer":                               {"rediss://" + server.addr, &tls.Config{RootCAs: trust}},
	}
	for want, test := range refused {
		t.Run(want, func(t *testing.T) {
			b := connect(t, test.url, &redis.Options{TLS: test.tls}, quick)
			watch(t, b).down(t, want)
		})
	}
	t.Run("trusted", func(t *testing.T) {
		here := connect(t, byName, &redis.Options{TLS: &tls.Config{RootCAs: trust}}, redis.Tuning{})
		there := connect(t, byAddress, &redis.Options{TLS: &tls.Config{RootCAs: trust, ServerName: "localhost"}}, redis.Tuning{})
		state := watch(t, here)
		state.up(t)
		watch(t, there).up(t)
		r := subscribe(t, here, "topic")
		publish(t, there, "topic", "secret")
		expect(t, r, "secret")
		server.do(t, "CLIENT", "KILL", "TYPE", "pubsub")
		state.down(t, "")
		state.up(t)
		publish(t, there, "topic", "again")
		expect(t, r, "again")
	})
}
