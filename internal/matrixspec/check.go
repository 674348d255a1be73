package matrixspec

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An Answer is what came back for a request.
type Answer struct {
	Method string
	// Path is as it was sent, with or without its query.
	Path        string
	Status      int
	ContentType string
	Body        []byte
}

// Check gives an error if the answer is not one of those the specification has for
// its endpoint. Of an endpoint that the description does not have, or a status, it
// knows but what is true of every error.
func (s *Spec) Check(a Answer) error {
	if a.Status == http.StatusNoContent {
		return nil
	}
	if a.ContentType != mediaType {
		return fmt.Errorf("the Content-Type is %q", a.ContentType)
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.Body))
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if a.Status >= http.StatusBadRequest {
		if err := checkError(a.Status, body); err != nil {
			return err
		}
	}
	if refusesToken(body) {
		return nil // wherever a token is needed, whatever else a 401 may be there
	}
	r := s.find(a.Method, a.Path)
	if r == nil || r.schemas[a.Status] == nil {
		return nil
	}
	schema, err := r.schemas[a.Status]()
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	return schema.Validate(body)
}

// find gives the route of a path. Where several fit, it is the one that has the
// fewest variables.
func (s *Spec) find(method, path string) (found *route) {
	path, _, _ = strings.Cut(path, "?")
	// What old clients call r0 is described no longer, but has not changed.
	if rest, old := strings.CutPrefix(path, "/_matrix/client/r0/"); old {
		path = "/_matrix/client/v3/" + rest
	}
	segments := strings.Split(path, "/")
	fewest := len(segments) + 1
	for _, r := range s.routes {
		if variables, ok := r.fits(method, segments); ok && variables < fewest {
			found, fewest = r, variables
		}
	}
	return found
}

func (r *route) fits(method string, segments []string) (variables int, ok bool) {
	if r.method != method || len(r.segments) != len(segments) {
		return 0, false
	}
	for i, segment := range r.segments {
		switch {
		case strings.HasPrefix(segment, "{") && segments[i] != "":
			variables++
		case segment != segments[i]:
			return 0, false
		}
	}
	return variables, true
}

// checkError checks what every error must have.
//
// https://spec.matrix.org/v1.15/client-server-api/#standard-error-response
// https://spec.matrix.org/v1.15/client-server-api/#user-interactive-api-in-the-rest-api
func checkError(status int, body any) error {
	members, _ := body.(map[string]any)
	if flows, ok := members["flows"].([]any); ok && status == http.StatusUnauthorized {
		if session, _ := members["session"].(string); session == "" || len(flows) == 0 {
			return errors.New("what asks for authentication has no flows or no session")
		}
		if members["errcode"] == nil && members["error"] == nil {
			return nil
		}
	}
	for _, name := range []string{"errcode", "error"} {
		if text, _ := members[name].(string); text == "" {
			return fmt.Errorf("the error has no %s", name)
		}
	}
	if code, _ := members["errcode"].(string); !strings.HasPrefix(code, "M_") {
		return fmt.Errorf("the errcode is %q", code)
	}
	return nil
}

// refusesToken tells whether an answer is the one to an access token that is missing
// or no good.
func refusesToken(body any) bool {
	members, _ := body.(map[string]any)
	return members["errcode"] == "M_MISSING_TOKEN" || members["errcode"] == "M_UNKNOWN_TOKEN"
}
