# Notes with three stars or more, from one folder to another: kopru plan example, then kopru run --once example.

connection "CONNECTOR_NAME" "here" {
  path = env("NOTES")
}

connection "CONNECTOR_NAME" "there" {
  path = env("GOOD_NOTES")
}

pipeline "good_notes" {
  source "note" {
    connection = CONNECTOR_NAME.here
  }

  filter "good" {
    keep   = record.stars >= 3
    reason = "${record.stars} stars"
  }

  sink "good_note" {
    connection = CONNECTOR_NAME.there
    entity     = "note"
    match      = { title = record.title }
    update     = ["text", "stars"]
    set        = { title = record.title, text = record.text, stars = record.stars }
  }
}
