# What `kopru connector accept` tries the connector with: a system that it can reach and may write to.
# `make accept` puts a folder of notes into $NOTES.

config = { path = env("NOTES") }

refuse "path" {
  config = { path = "not/absolute" }
}

read "note" {
  at_least = 30
}

write "note" {
  create  = { title = "title {unique}", text = "first", stars = 1 }
  update  = { text = "second {unique}" }
  match   = { title = "title {unique}" }
  invalid = { stars = "many" }
}
