// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/json"
	"errors"

	"github.com/parallax-ssl/parallax/internal/filename"
)

// MarshalJSON writes a line of the quarantine list. A name need not be UTF-8.
func (b BadImage) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Index  int           `json:"index"`
		Name   filename.Name `json:"name"`
		Reason filename.Name `json:"reason"`
	}{b.Index, filename.Name(b.Name), filename.Name(b.Reason)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *BadImage) UnmarshalJSON(text []byte) error {
	type plain BadImage
	names := struct{ Name, Reason filename.Name }{}
	err := errors.Join(json.Unmarshal(text, (*plain)(b)), json.Unmarshal(text, &names))
	b.Name, b.Reason = string(names.Name), string(names.Reason)
	return err
}
