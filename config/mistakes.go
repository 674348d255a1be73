package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// mistakes gathers everything wrong with a configuration, so that it can be told at once.
// What is added never quotes a value: any of them might be a secret in the wrong
// place.
type mistakes struct {
	file string // the one that is being read, "" where the text is no file
	// places holds where each key and list entry stands.
	places map[string]place
	// told holds the paths whose value is known to be wrong. What lies at or beneath
	// one is not complained of again.
	told  map[string]bool
	found []mistake
}

// A mistake is one line of the report.
type mistake struct {
	place
	text string
}

// A place is a line of a file.
type place struct {
	file string // "" where the text is no file
	line int    // 0 where there is none
}

func newMistakes(file string) *mistakes {
	return &mistakes{file: file, places: map[string]place{}, told: map[string]bool{}}
}

// states tells whether the file has the key.
func (m *mistakes) states(path string) bool {
	_, ok := m.places[path]
	return ok
}

// note remembers where a path stands.
func (m *mistakes) note(path string, line int) { m.places[path] = place{m.file, line} }

// in reads another file than the configuration's.
func (m *mistakes) in(file string, read func()) {
	own := m.file
	m.file = file
	read()
	m.file = own
}

// add reports a wrong value, unless something was said of it already.
func (m *mistakes) add(path, advice string) {
	for at := path; ; at = parent(at) {
		if m.told[at] {
			return
		}
		if at == "" {
			break
		}
	}
	m.told[path] = true
	if path != "" {
		advice = path + ": " + advice
	}
	m.found = append(m.found, mistake{m.placeOf(path), advice})
}

// at reports something about a line that is not one value's fault.
func (m *mistakes) at(line int, text string) {
	m.found = append(m.found, mistake{place{m.file, line}, text})
}

// placeOf finds where a path stands, or else what it would stand in.
func (m *mistakes) placeOf(path string) place {
	for path != "" {
		if place, ok := m.places[path]; ok {
			return place
		}
		path = parent(path)
	}
	return place{file: m.file}
}

// parent cuts the last step off a path such as rtm.apps[0].app_id.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// err joins what was found, in the order of the lines, those of the configuration
// first; nil where nothing was found.
func (m *mistakes) err() error {
	elsewhere := func(p place) int {
		if p.file != m.file {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(m.found, func(a, b mistake) int {
		return cmp.Or(elsewhere(a.place)-elsewhere(b.place), a.line-b.line)
	})
	var errs []error
	for _, one := range m.found {
		errs = append(errs, errors.New(one.place.String()+one.text))
	}
	return errors.Join(errs...)
}

// String begins a message: "config.yaml:12: ", or as much of that as is known.
func (p place) String() string {
	switch {
	case p.file != "" && p.line > 0:
		return fmt.Sprintf("%s:%d: ", p.file, p.line)
	case p.file != "":
		return p.file + ": "
	case p.line > 0:
		return fmt.Sprintf("line %d: ", p.line)
	default:
		return ""
	}
}
