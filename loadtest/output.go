package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// An output is a file for a result, opened before the run: a path that cannot be written must not cost the run. Its zero
// value writes nowhere.
type output struct {
	file *os.File
	used bool
}

// openOutput opens the file of a flag; "" is none. What the file holds stays until write.
func openOutput(flag, path string) (*output, error) {
	if path == "" {
		return &output{}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", flag, err)
	}
	return &output{file: f}, nil
}

// write replaces what the file holds by what fill writes.
func (o *output) write(fill func(w io.Writer) error) error {
	if o.file == nil {
		return nil
	}
	o.used = true
	var all bytes.Buffer
	if err := fill(&all); err != nil {
		return fmt.Errorf("write %s: %w", o.file.Name(), err)
	}
	_ = o.file.Truncate(0) // fails for a pipe, which has nothing to replace
	if _, err := o.file.Write(all.Bytes()); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// json writes v.
func (o *output) json(v any) error {
	return o.write(func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	})
}

// close removes a file that was made for a result which never came.
func (o *output) close() {
	if o.file == nil {
		return
	}
	st, err := o.file.Stat()
	o.file.Close()
	if !o.used && err == nil && st.Mode().IsRegular() && st.Size() == 0 {
		_ = os.Remove(o.file.Name()) // an empty file is no harm
	}
}
