package matchmaker

import "github.com/danielgtaylor/huma/v2"

func document(doc *huma.OpenAPI) {}
