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
	"testing"

	"github.com/gorilla/mux"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A described is what the tests need of the description.
type described struct {
	compiler *jsonschema.Compiler
	Paths    map[string]map[string]struct {
		Responses map[string]any
	}
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
	d.compiler = jsonschema.NewCompiler()
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
	schema, err := d.compiler.Compile("https://chappe.test/openapi.json" + place)
	if err != nil {
		t.Fatal(err)
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err == nil {
		err = schema.Validate(body)
	}
	if err != nil {
		t.Errorf("%s %s: %d is not as described: %v\n%s", method, path, a.status, err, a.body)
	}
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
