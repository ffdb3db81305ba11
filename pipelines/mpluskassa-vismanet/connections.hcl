# The two systems. Their credentials are never in this file, so that it can live in git.

connection "mpluskassa" "shop" {
  url      = env("MPLUSKASSA_URL")
  ident    = env("MPLUSKASSA_IDENT")
  secret   = env("MPLUSKASSA_SECRET")
  timezone = var.timezone
}

connection "vismanet" "books" {
  api_url        = env("VISMANET_API_URL", "https://api.finance.visma.net")
  salesorder_url = env("VISMANET_SALESORDER_URL", "https://salesorder.visma.net")
  token_url      = env("VISMANET_TOKEN_URL", "https://connect.visma.com/connect/token")
  client_id      = env("VISMANET_CLIENT_ID")
  client_secret  = env("VISMANET_CLIENT_SECRET")
  tenant_id      = env("VISMANET_TENANT_ID")
}
