package rtmcompat_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/mux"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A described is what the tests need of the description.
type described struct {
	mu       *sync.Mutex
	compiler *jsonschema.Compiler // guarded by mu
	Paths    map[string]map[string]struct {
		Parameters  []parameter
		RequestBody *struct{}
		Responses   map[string]any
	}
	Components struct{ Parameters map[string]parameter }
}

// A parameter is a place in a request, or a reference to one.
type parameter struct {
	Ref      string `json:"$ref"`
	Name, In string
	Required bool
	Schema   struct{ Type string }
}

func readDescription(t testing.TB) described {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d described
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d.mu, d.compiler = new(sync.Mutex), jsonschema.NewCompiler()
	d.compiler.DefaultDraft(jsonschema.Draft2020) // OpenAPI 3.1 is this, and more
	if err := d.compiler.AddResource("https://chappe.test/openapi.json", document); err != nil {
		t.Fatal(err)
	}
	return d
}

// check fails the test where an answer is none of those described for its endpoint. A
// path or a method that the description does not have has the answers of all errors.
func (d described) check(t testing.TB, method, path string, a answer) {
	t.Helper()
	place := "#/components/schemas/Failed"
	if template := d.template(path); method == strings.ToUpper(method) && d.Paths[template][strings.ToLower(method)].Responses != nil {
		status := strconv.Itoa(a.status)
		if d.Paths[template][strings.ToLower(method)].Responses[status] == nil {
			t.Errorf("%s %s does not say that it answers %s", method, template, status)
			return
		}
		place = "#/paths/" + url.PathEscape(strings.ReplaceAll(template, "/", "~1")) + "/" + strings.ToLower(method) +
			"/responses/" + status + "/content/" + url.PathEscape("application~1json") + "/schema"
	}
	if err := d.validate(t, place, a.body); err != nil {
		t.Errorf("%s %s: %d is not as described: %v\n%s", method, path, a.status, err, a.body)
	}
}

// checkTaken fails the test where a request that was taken is none of those described: the
// description must not refuse what the server takes.
func (d described) checkTaken(t testing.TB, req *http.Request, body string) {
	t.Helper()
	template, method := d.template(req.URL.EscapedPath()), strings.ToLower(req.Method)
	operation := d.Paths[template][method]
	place := "#/paths/" + url.PathEscape(strings.ReplaceAll(template, "/", "~1")) + "/" + method
	if operation.RequestBody != nil {
		schema := place + "/requestBody/content/" + url.PathEscape("application~1json") + "/schema"
		if err := d.validate(t, schema, body); err != nil {
			t.Errorf("%s: a body that was taken is not as described: %v\n%.200s", req.URL, err, body)
		}
	}
	for i, p := range operation.Parameters {
		at := place + "/parameters/" + strconv.Itoa(i)
		if p.Ref != "" {
			at, p = p.Ref, d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
		values := p.of(req, template)
		if p.Required && len(values) == 0 {
			t.Errorf("%s was taken without %s", req.URL, p.Name)
		}
		for _, value := range values {
			if p.Schema.Type != "boolean" && p.Schema.Type != "integer" {
				value = strconv.Quote(value)
			}
			if err := d.validate(t, at+"/schema", value); err != nil {
				t.Errorf("%s: %s was taken and is not as described: %v", req.URL, p.Name, err)
			}
		}
	}
}

// of gives the values that a parameter has in a request.
func (p parameter) of(req *http.Request, template string) []string {
	switch p.In {
	case "query":
		return req.URL.Query()[p.Name]
	case "header":
		return req.Header.Values(p.Name)
	default:
		i := slices.Index(strings.Split(template, "/"), "{"+p.Name+"}")
		value, err := url.PathUnescape(strings.Split(req.URL.EscapedPath(), "/")[i])
		if err != nil {
			return nil
		}
		return []string{value}
	}
}

// validate holds a JSON text against a schema of the description.
func (d described) validate(t testing.TB, place, text string) error {
	t.Helper()
	d.mu.Lock()
	schema, err := d.compiler.Compile("https://chappe.test/openapi.json" + place)
	d.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// template gives the described path that a path is one of, "" for none.
func (d described) template(path string) string {
	for template := range d.Paths {
		if regexp.MustCompile("^" + variable.ReplaceAllString(template, "[^/]*") + "$").MatchString(path) {
			return template
		}
	}
	return ""
}

var variable = regexp.MustCompile(`\{[^{}]*\}`)

// Described before they are here; whoever adds one takes it off this list.
var toCome []string

func TestEveryEndpointIsDescribedAndNoOther(t *testing.T) {
	var want, got []string
	for path, methods := range readDescription(t).Paths {
		for method := range methods {
			if name := strings.ToUpper(method) + " " + path; !slices.Contains(toCome, name) {
				want = append(want, name)
			}
		}
	}
	err := newRig(t).handler.(*mux.Router).Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if methods, none := route.GetMethods(); err == nil && none == nil && strings.HasPrefix(template, "/dev/v2/") {
			for _, method := range methods {
				got = append(got, method+" "+strings.ReplaceAll(template, ":[^/]*", ""))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("there are\n%s\ndescribed are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnyoneMayReadTheDescription(t *testing.T) {
	w := httptest.NewRecorder()
	newRig(t).handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/rtm/openapi.json", nil))
	file, err := os.ReadFile("openapi.json")
	if err != nil || w.Code != http.StatusOK || w.Body.String() != string(file) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("the answer is %d %v %.200s, %v", w.Code, w.Header(), w.Body, err)
	}
}
