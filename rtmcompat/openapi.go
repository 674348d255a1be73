package rtmcompat

import (
	"context"
	_ "embed"
	"encoding/json"
)

// description is the OpenAPI description of the REST API.
//
//go:embed openapi.json
var description []byte

// describe answers GET /rtm/openapi.json, which anyone may read.
func describe(context.Context, struct{}) (json.RawMessage, error) { return description, nil }
