package vismanet

import "maps"

import "strings"

// apiRoutes are the operations of the ERP API. A list of the setup has two: the list and its records.
func (s *Server) apiRoutes() map[string]handlerFunc {
	routes := map[string]handlerFunc{
		"GET /v1/customer":                                     s.listCustomers,
		"POST /v1/customer":                                    s.postCustomer,
		"GET /v1/customer/{customerCd}":                        s.getCustomer("customerCd"),
		"PUT /v1/customer/{customerCd}":                        s.putCustomer("customerCd"),
		"GET /v1/customer/internal/{internalID}":               s.getCustomer("internalID"),
		"PUT /v1/customer/internal/{internalID}":               s.putCustomer("internalID"),
		"GET /v1/customer/{customerCd}/contact":                s.listCustomerContacts,
		"GET /v1/customer/{customerCd}/note":                   s.getCustomerNote,
		"GET /v1/contact":                                      s.listContacts,
		"POST /v1/contact":                                     s.postContact,
		"GET /v1/contact/{contactId}":                          s.getContact,
		"PUT /v1/contact/{contactId}":                          s.putContact,
		"GET /v1/inventory":                                    s.listItems,
		"POST /v1/inventory":                                   s.postItem,
		"GET /v1/inventory/{inventoryNumber}":                  s.getItem,
		"PUT /v1/inventory/{inventoryNumber}":                  s.putItem,
		"GET /v1/inventory/internal/{inventoryId}":             s.getItem,
		"GET /v1/inventory/{inventoryNumber}/crossReferences":  s.listAlternates,
		"POST /v1/inventory/{inventoryNumber}/crossReferences": s.writeAlternate("Insert"),
		"PUT /v1/inventory/{inventoryNumber}/crossReferences/{alternateType}/{alternateId}": s.writeAlternate("Update"),
		"GET /v1/inventorysummary/{inventoryNumber}":                                        s.inventorySummary,

		"GET /v1/customerPayment":                                             s.listPayments,
		"POST /v1/customerPayment":                                            s.postPayment,
		"GET /v1/customerPayment/{paymentNumber}":                             s.getPayment,
		"PUT /v1/customerPayment/{paymentNumber}":                             s.putPayment,
		"POST /v1/customerPayment/{paymentNumber}/action/release":             s.releasePayment,
		"GET /v1/salesorder/{orderType}/{orderNbr}":                           s.getOldOrder,
		"POST /v1/salesorder/{saleOrderNumber}/action/createShipment":         s.createShipment,
		"POST /v2/salesorder/{orderType}/{orderNumber}/action/prepareInvoice": s.prepareInvoice,
		"GET /v1/shipment":                                                    s.listShipments,
		"GET /v1/shipment/{shipmentNumber}":                                   s.getShipment,
		"POST /v1/shipment/{shipmentNumber}/action/confirmShipment":           s.confirmShipment,
	}
	for _, l := range s.books.ledgers() {
		list := strings.TrimSuffix(l.path, "/")
		routes["GET "+list], routes["POST "+list] = s.listDocuments(l), s.postDocument(l)
		routes["POST "+strings.Replace(list, "/v1/", "/v2/", 1)] = s.postDocument(l)
		routes["GET "+l.path+"{number}"], routes["PUT "+l.path+"{number}"] = s.getDocument(l), s.putDocument(l)
		routes["DELETE "+l.path+"{number}"] = s.deleteDocument(l)
		routes["POST "+l.path+"{number}/action/release"] = s.releaseDocument(l)
	}
	maps.Copy(routes, map[string]handlerFunc{
		"GET /v1/attribute":                       s.listAttributes,
		"POST /v1/attribute":                      s.postAttribute,
		"GET /v1/attribute/{attributeId}":         s.getAttribute,
		"PUT /v1/attribute/{attributeId}":         s.putAttribute,
		"DELETE /v1/attribute/{attributeId}":      s.deleteAttribute,
		"GET /v1/salescategory":                   s.listCategories,
		"GET /v1/salescategory/{categoryId}":      s.getCategory,
		"GET /v1/salescategory/{categoryId}/item": s.listCategoryItems,
	})
	for _, l := range s.lookups() {
		routes["GET "+l.path] = s.listLookup(l)
		if l.single {
			routes["GET "+l.path+"/{key}"] = s.getLookup(l)
		}
	}
	return routes
}

// salesOrderRoutes are the operations of the Sales Order Service.
func (s *Server) salesOrderRoutes() map[string]handlerFunc {
	const one = "/api/v3/SalesOrders/{type}/{orderId}"
	return map[string]handlerFunc{
		"GET /api/v3/Customers":          s.listCustomers3,
		"GET /api/v3/Inventory":          s.listAvailability,
		"GET /api/v3/SalesOrders":        s.listOrders,
		"POST /api/v3/SalesOrders":       s.postOrder,
		"GET /api/v3/SalesOrders/{type}": s.listOrders,
		"GET " + one:                     s.getOrder,
		"PATCH " + one:                   s.patchOrder,
		"DELETE " + one:                  s.deleteOrder,
		"GET " + one + "/lines":          s.listLines,
		"POST " + one + "/lines":         s.postLines,
		"PATCH " + one + "/lines":        s.patchLines,
		"DELETE " + one + "/lines":       s.deleteLines,
		"GET " + one + "/lines/{lineId}": s.getLine,
		"GET " + one + "/tax":            s.getTaxes,
		"GET " + one + "/shipment":       s.listOrderShipments,
	}
}
