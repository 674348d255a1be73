// Package matrixspec checks answers against the OpenAPI description of the Matrix
// specification. Only tests use it.
//
// The description in testdata is the specification's own; SOURCE.md there says of
// which version.
package matrixspec

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed testdata
var description embed.FS

// A Spec is the description, ready to check answers. It may be used from any
// goroutine.
type Spec struct {
	routes []*route
}

// A route is one method of one path.
type route struct {
	method   string
	segments []string // of the path; one in braces stands for any
	// schemas are those of the bodies, by status.
	schemas map[int]schema
}

// A schema is read when it is first asked for, since most tests meet few of them.
type schema func() (*jsonschema.Schema, error)

// Load gives the description. It is read once in a process.
func Load() (*Spec, error) { return once() }

var once = sync.OnceValues(read)

func read() (*Spec, error) {
	s := &Spec{}
	for _, folder := range []string{"testdata/api/client-server", "testdata/api/server-server"} {
		files, err := fs.Glob(description, folder+"/*.yaml")
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := s.add(file); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return s, nil
}

// add adds the routes of one file, which is a document of its own.
func (s *Spec) add(file string) error {
	document, err := load(file)
	if err != nil {
		return err
	}
	deviate(document)
	schemas, err := newSchemas("https://spec.matrix.org/"+strings.TrimPrefix(file, "testdata/"), document)
	if err != nil {
		return err
	}
	for template, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			r := &route{method: method, segments: strings.Split(base(document)+template, "/"), schemas: make(map[int]schema)}
			for status := range bodies(operation) {
				r.schemas[status] = schemas.at("paths", template, strings.ToLower(method), "responses", strconv.Itoa(status), "content", mediaType, "schema")
			}
			s.routes = append(s.routes, r)
		}
	}
	return nil
}

// schemas are those of one document.
type schemas struct {
	name     string
	mu       sync.Mutex
	compiler *jsonschema.Compiler // guarded by mu
}

func newSchemas(name string, document *openapi3.T) (*schemas, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020) // OpenAPI 3.1 is this, and more
	return &schemas{name: name, compiler: compiler}, compiler.AddResource(name, resource)
}

// at gives the schema at a place in the document.
func (s *schemas) at(place ...string) schema {
	return sync.OnceValues(func() (*jsonschema.Schema, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.compiler.Compile(s.name + pointer(place...))
	})
}

// deviate lets pass what is not as described, but is right all the same.
func deviate(document *openapi3.T) {
	// Of a device all members are always there: one SDK demands it. What is not known
	// is null, as other servers have it.
	if document.Components != nil {
		for _, schema := range document.Components.Schemas {
			if device := schema.Value.Properties; device["last_seen_ip"] != nil {
				for _, name := range []string{"display_name", "last_seen_ip", "last_seen_ts"} {
					property := *device[name].Value
					property.Type = &openapi3.Types{(*property.Type)[0], openapi3.TypeNull}
					device[name] = &openapi3.SchemaRef{Value: &property}
				}
			}
		}
	}
	// Where there is no TURN server, browsers' SDKs take an empty object in good part,
	// and complain of an error.
	if item := document.Paths.Value("/voip/turnServer"); item != nil {
		nothing := openapi3.NewObjectSchema().WithMaxProperties(0)
		content := item.Get.Responses.Value("200").Value.Content.Get(mediaType)
		content.Schema = openapi3.NewAnyOfSchema(nothing, content.Schema.Value).NewRef()
	}
}

const mediaType = "application/json"

// bodies gives the statuses for which an operation has a schema.
func bodies(operation *openapi3.Operation) iter.Seq[int] {
	return func(yield func(int) bool) {
		for name, answer := range operation.Responses.Map() {
			status, err := strconv.Atoi(name)
			content := answer.Value.Content.Get(mediaType)
			if err == nil && content != nil && content.Schema != nil && !yield(status) {
				return
			}
		}
	}
}

// load reads one file and takes into it what it refers to in others.
func load(file string) (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = true
	loader.ReadFromURIFunc = func(_ *openapi3.Loader, location *url.URL) ([]byte, error) {
		return description.ReadFile(path.Clean(location.Path))
	}
	document, err := loader.LoadFromURI(&url.URL{Path: file})
	if err == nil {
		document.InternalizeRefs(loader.Context, nil)
	}
	return document, err
}

// pointer writes a fragment that leads to a place in a JSON document.
//
// https://www.rfc-editor.org/rfc/rfc6901#section-6
func pointer(names ...string) string {
	var out strings.Builder
	out.WriteString("#")
	for _, name := range names {
		out.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	}
	return out.String()
}

// base is what comes before all paths of a document.
func base(document *openapi3.T) string {
	for _, server := range document.Servers {
		if variable := server.Variables["basePath"]; variable != nil {
			return variable.Default
		}
	}
	return ""
}
