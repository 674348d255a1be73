package testserver

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chappe-im/chappe/internal/matrixspec"
)

// A specCheck fails the test at an answer that is not one the specification has for
// its endpoint.
type specCheck struct {
	t     testing.TB
	found atomic.Int64
}

// maxTold is how many answers of one server are told of: one fault may be in many.
const maxTold = 10

func (s *specCheck) see(q Request, answer *Response) {
	if !strings.HasPrefix(q.Path, "/_matrix/") && !strings.HasPrefix(q.Path, "/.well-known/") {
		return
	}
	spec, err := matrixspec.Load()
	if err == nil {
		err = spec.Check(matrixspec.Answer{
			Method: q.Method, Path: q.Path, Status: answer.Status, ContentType: answer.Header.Get("Content-Type"), Body: answer.Body,
		})
	}
	if err != nil && s.found.Add(1) <= maxTold {
		s.t.Errorf("testserver: %s %s: %d is not as specified: %v\n%s", q.Method, q.Path, answer.Status, err, answer.Body)
	}
}
