package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
)

func TestStreamIsWrittenWholeOrBreaksOff(t *testing.T) {
	long := strings.Repeat("a", 100_000)
	for name, fault := range map[string]error{"whole": nil, "broken": errors.New("the disk is on fire")} {
		t.Run(name, func(t *testing.T) {
			log, hook := test.NewNullLogger()
			server := httptest.NewServer(Endpoint(logrus.NewEntry(log), NoQuery, func(context.Context, struct{}) (Stream, error) {
				return func(w io.Writer) error {
					if _, err := io.WriteString(w, `"`+long+`"`); err != nil {
						return err
					}
					return fault
				}, nil
			}))
			defer server.Close()
			answer, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if fault == nil && (err != nil || string(body) != `"`+long+`"` || answer.Header.Get("Content-Type") != "application/json") {
				t.Errorf("%v, %d bytes, %v", err, len(body), answer.Header)
			}
			if fault != nil && err == nil {
				t.Error("a broken answer looks like a whole one")
			}
			if (len(hook.AllEntries()) > 0) != (fault != nil) {
				t.Errorf("logged %d lines", len(hook.AllEntries()))
			}
		})
	}
}
