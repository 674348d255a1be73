package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/rawjson"
)

// userAnswerLimit is the size in bytes up to which answers about users are read.
const userAnswerLimit = 8 << 20

// Answer gives the status of the answer and its Matrix error code, "" where there
// is none.
func (r *Refusal) Answer() (status int, errCode string) { return r.Status, r.ErrCode }

// ask makes a request and reads the object it is answered with. It fails with a
// *Refusal if the server gave another answer than 200.
func (c *Client) ask(ctx context.Context, method string, server spec.ServerName, uri string, question any) (map[string]json.RawMessage, error) {
	var body json.RawMessage
	if question != nil {
		var err error
		if body, err = json.Marshal(question); err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
	}
	got, err := c.do(ctx, method, server, uri, body, userAnswerLimit)
	switch {
	case err != nil:
		return nil, err
	case got.status != http.StatusOK:
		return nil, refusal(got)
	case !got.whole:
		return nil, errors.New("the answer is too long or broke off")
	}
	return readAnswer(got.body)
}

// readAnswer reads an object as it may be passed on to clients: they would give up
// on all of an answer for what of it is no UTF-8, or nested too deep.
func readAnswer(body []byte) (map[string]json.RawMessage, error) {
	members, ok := rawjson.Object(body)
	if !ok || !utf8.Valid(body) {
		return nil, errors.New("the answer is not a JSON object")
	}
	for name, member := range members {
		if canonicaljson.TooDeep(member) {
			return nil, fmt.Errorf("%q in the answer is nested too deep", name)
		}
	}
	return members, nil
}

// text gives a member of an object that is a string, "" where it is not.
func text(object json.RawMessage, name string) string {
	members, _ := rawjson.Object(object)
	value, _ := rawjson.Text(members[name])
	return value
}
