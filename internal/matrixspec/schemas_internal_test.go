package matrixspec

import "testing"

func TestEverySchemaCanBeRead(t *testing.T) {
	spec, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, r := range spec.routes {
		for status, schema := range r.schemas {
			if _, err := schema(); err != nil {
				t.Errorf("%s %v %d: %v", r.method, r.segments, status, err)
			}
			read++
		}
	}
	if read < 200 {
		t.Errorf("there are %d schemas only", read)
	}
}
