// SPDX-License-Identifier: Apache-2.0

package serve

import (
	_ "embed" // the description
	"encoding/json"
	"net/http"
	"sync"

	"github.com/swaggest/swgui"
	swaggerui "github.com/swaggest/swgui/v5emb"
	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var described []byte

// Description returns the OpenAPI 3.0 document of the service, in JSON.
var Description = sync.OnceValue(func() []byte {
	var document map[string]any
	if err := yaml.Unmarshal(described, &document); err != nil {
		panic(err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return text
})

// answerDescription answers GET /openapi.json.
func answerDescription(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(Description())
}

// answerPage answers GET /docs/ with Swagger UI, whose files are part of this program.
func answerPage() http.HandlerFunc {
	page := swaggerui.NewHandlerWithConfig(swgui.Config{
		Title: "Parallax", SwaggerJSON: "/openapi.json", BasePath: "/docs/",
		SettingsUI: map[string]string{"defaultModelsExpandDepth": "1", "tryItOutEnabled": "true"},
	})
	return func(w http.ResponseWriter, r *http.Request) {
		// The page needs nothing from elsewhere, and its browser shall see to it.
		w.Header().Set("Content-Security-Policy",
			"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "+
				"img-src 'self' data: blob:; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "max-age=3600")
		page.ServeHTTP(w, r)
	}
}
