package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/wsgate/wsgate/contract"
)

// sourceFlags are the flags for fetching a contract.
type sourceFlags struct {
	headers []string
	timeout time.Duration
}

func (s *sourceFlags) register(f *pflag.FlagSet) {
	f.StringArrayVarP(&s.headers, "header", "H", nil, "HTTP header of the request, `'Name: value'`; may be given several times")
	f.DurationVar(&s.timeout, "timeout", 10*time.Second, "for the whole answer")
}

// read returns the contract in a file, at an address, or on stdin for "-".
func (s *sourceFlags) read(ctx context.Context, source string, stdin io.Reader) (*contract.Document, error) {
	if err := positive("timeout", s.timeout); err != nil {
		return nil, err
	}
	if strings.Contains(source, "://") {
		return s.fetch(ctx, source)
	}
	var text []byte
	var err error
	if source == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(source)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	d, err := contract.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return d, nil
}

// fetch gets a contract from a server. ws and wss are taken for http and https, so that a gateway's address can be edited.
func (s *sourceFlags) fetch(ctx context.Context, source string) (*contract.Document, error) {
	flags := dialFlags{headers: s.headers}
	server, err := flags.server(source)
	if err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	text, err := server.get(timed)
	switch {
	case ctx.Err() != nil:
		return nil, errInterrupted
	case errors.Is(timed.Err(), context.DeadlineExceeded):
		return nil, failf(exitTimeout, "no answer within %v; --timeout gives it more time", s.timeout)
	case err != nil:
		return nil, err
	}
	d, err := contract.Parse(text)
	if err != nil {
		return nil, failf(exitAnswer, "%s: %w", server.shown, err)
	}
	return d, nil
}

// get returns what is at the server's address.
func (s *server) get(ctx context.Context) ([]byte, error) {
	address := s.url
	if rest, ok := strings.CutPrefix(address, "ws"); ok {
		address = "http" + rest
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header = s.options.HTTPHeader
	request.Host = s.options.Host
	response, err := s.options.HTTPClient.Do(request)
	if err != nil {
		var failed *url.Error // the address in it may contain a password
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, failf(exitConnection, "connecting to %s: %w", s.shown, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxMessage+1))
	switch {
	case err != nil:
		return nil, failf(exitConnection, "the answer broke off: %w", err)
	case response.StatusCode != http.StatusOK:
		return nil, failf(exitAnswer, "%s: %s", response.Status, shorten(oneLine(string(text))))
	case len(text) > maxMessage:
		return nil, failf(exitAnswer, "%s: more than %d bytes", s.shown, maxMessage)
	}
	return text, nil
}
